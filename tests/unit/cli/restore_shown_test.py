# SPDX-License-Identifier: GPL-2.0-or-later
"""What restore shows of the copy: how old it is, and what differs."""

import json
import os
import time

import pytest

from tests.support import commandline
from tests.support.storage import filedomain
from tests.support.storage.memory import MemoryStorage
from vdsm_backup.change import history
from vdsm_backup.cli import comparison
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
POOL = "11111111-2222-3333-4444-555555555555"
DAY = 86400
EVIL = "a\x1b[2Jb\u202ec"
PLAIN = md_lines.flush(filedomain.metadata(A))
FLAGGED = md_lines.flush(filedomain.metadata(A, BACKUP="True"))


def ago(days):
    seconds = time.time() - days * DAY
    return time.strftime(flag.SINCE_FORMAT, time.gmtime(seconds))


def keep(host, lines, **changed):
    """An old copy, with what a record may say, or somebody made of it."""
    kept = history.History(host.history)
    copy = kept.keep(MemoryStorage(A, []), lines, "admin@host1", "set")
    path = os.path.join(host.history, A, f"{copy.number:06}.json")
    with open(path) as f:
        data = json.load(f)
    with open(path, "w") as f:
        json.dump({**data, "time": ago(10.5), **changed}, f)


def unsealed(**values):
    return md_lines.flush(filedomain.metadata(A, **values))[:-1]


def shown(host, *args):
    """
    The notes on the copy: of a dry run, in JSON and not, and then of the
    change. They are the same but for the time that they tell of.
    """
    dry = host.json("restore", A, "--dry-run", *args).json["notes"]
    err = host.run("restore", A, "--dry-run", *args).err
    notes = [note for note in dry if "copy 1" in note]
    assert all(f"note: {note}\n" in err for note in notes)
    done = host.json("restore", A, *args).json
    assert done["changed"] is True
    now = [note for note in done["notes"] if "copy 1" in note]
    assert [n.replace(" was ", " is ") for n in now] == notes
    return now


# How old it is


@pytest.mark.parametrize(
    "seconds, words",
    [
        (0, "0 seconds old"),
        (1, "1 second old"),
        (119, "119 seconds old"),
        (120, "2 minutes old"),
        (7199, "119 minutes old"),
        (7200, "2 hours old"),
        (2 * DAY - 1, "47 hours old"),
        (2 * DAY, "2 days old"),
        (400 * DAY + 1, "400 days old"),
        (-1, "from the future, by the clock of this host"),
        (None, "of unknown age"),
    ],
)
def test_age_in_words(seconds, words):
    assert comparison.age_words(seconds) == words


@pytest.mark.parametrize(
    "when, words",
    [
        (ago(10.5), "10 days old"),
        (ago(-2), "from the future, by the clock of this host"),
        ("some day", "of unknown age"),
    ],
    # Without the time in them: workers of xdist must find the same tests.
    ids=["past", "future", "unknown"],
)
def test_age(host, when, words):
    host.domain(sd_id=A)
    keep(host, FLAGGED, time=when)
    filedomain.put_bytes(host.mount, A, b"")
    (note, *_) = shown(host)
    assert note == (
        f"copy 1 is {words}: kept {when} by admin@host1, before set"
    )


def test_age_in_json(host):
    host.domain(sd_id=A)
    for number, when in enumerate((ago(3), "some day"), 1):
        keep(host, FLAGGED, time=when)
        done = host.json("restore", A, "--dry-run", "--from", str(number))
        assert done.json["copy"]["time"] == when
        age = done.json["age"]
        if number == 1:
            assert 3 * DAY <= age < 4 * DAY
        else:
            assert age is None


# What differs


def test_keys_that_differ(host):
    """Also on both sides, and of the flag."""
    host.domain(sd_id=A)
    copy = [*FLAGGED, "MINE=1", "OLD=1"]
    keep(host, md_lines.flush(md_lines.parse(copy).values))
    left = unsealed(name="renamed", MINE="2", NEW="1", LEASERETRIES=None)
    filedomain.put(host.mount, A, [*left, "torn"])
    note = shown(host)[1]
    assert note == (
        "copy 1 differs from what was on storage; changed: DESCRIPTION, MINE;"
        " only on storage: NEW; only in the copy: BACKUP, LEASERETRIES, OLD"
    )


def test_lines_that_differ(host):
    host.domain(sd_id=A)
    keep(host, FLAGGED)
    left = unsealed(name=EVIL, NEW="1")
    filedomain.put(host.mount, A, [*left, EVIL])
    added = ["BACKUP=True", "DESCRIPTION=data1", FLAGGED[-1]]
    removed = [f"DESCRIPTION={EVIL}", "NEW=1", EVIL]
    for args in (["--dry-run"], []):
        filedomain.put(host.mount, A, [*left, EVIL])
        done = host.run("restore", A, *args)
        assert done.code == 0
        assert [x for x in done.out.splitlines() if x[:4] in _SIGNS] == [
            *(f"  - {printable(line)}" for line in removed),
            *(f"  + {line}" for line in added),
        ]
        assert commandline.hidden(done.out + done.err) == []
        filedomain.put(host.mount, A, [*left, EVIL])
        difference = host.json("restore", A, *args).json["difference"]
        assert difference == {"removed": removed, "added": added}


_SIGNS = ("  - ", "  + ")


def test_keys_and_records_are_harmless(host):
    host.domain(sd_id=A)
    keep(host, FLAGGED, by=EVIL, time=EVIL, action=EVIL)
    filedomain.put(host.mount, A, unsealed(**{EVIL: "1", "POOL_UUID": EVIL}))
    args = ["restore", A, "--pool-is-gone"]
    for more in (["--dry-run"], []):
        done = host.run(*args, *more)
        assert done.code == 0
        assert commandline.hidden(done.out + done.err) == []
        assert done.err.count(printable(EVIL)) == 5


def test_whole_metadata_differs_in_the_flag_only(host):
    host.domain(sd_id=A)
    keep(host, PLAIN)
    filedomain.put(host.mount, A, FLAGGED)
    notes = shown(host, "--from", "1")
    assert notes[1:] == [
        "copy 1 differs from what was on storage; only on storage: BACKUP"
    ]


@pytest.mark.parametrize("left", [b"", b"\xff", None])
def test_nothing_to_compare_with(host, left):
    host.domain(sd_id=A)
    keep(host, FLAGGED)
    if left is None:
        os.unlink(filedomain.path(host.mount, A))
    else:
        filedomain.put_bytes(host.mount, A, left)
    notes = shown(host)
    assert notes[1:] == [
        "nothing that can be compared with copy 1 was on storage: changes"
        " since then are not known",
        "by copy 1 the domain is detached (POOL_UUID is empty); whether it is"
        " so, only the engine can tell",
    ]


@pytest.mark.parametrize(
    "kept, there, note",
    [
        (
            "",
            POOL,
            "by copy 1 the domain is detached (POOL_UUID is empty); on storage"
            f" it was attached to pool {POOL}",
        ),
        (
            POOL,
            "",
            f"by copy 1 the domain is attached to pool {POOL}; on storage it"
            " was detached (POOL_UUID is empty)",
        ),
        (
            POOL,
            "b" + POOL[1:],
            f"by copy 1 the domain is attached to pool {POOL}; on storage it"
            f" was attached to pool b{POOL[1:]}",
        ),
        (
            POOL,
            None,
            f"by copy 1 the domain is attached to pool {POOL}; whether it is"
            " so, only the engine can tell",
        ),
    ],
)
def test_pool(host, kept, there, note):
    host.domain(sd_id=A)
    values = filedomain.metadata(A, BACKUP="True", POOL_UUID=kept)
    keep(host, md_lines.flush(values))
    filedomain.put(host.mount, A, unsealed(POOL_UUID=there))
    assert shown(host, "--pool-is-gone")[2:] == [note]


def test_nothing_of_a_pool_where_it_is_the_same(host):
    host.domain(sd_id=A)
    keep(host, FLAGGED)
    filedomain.put(host.mount, A, unsealed())
    assert not [note for note in shown(host) if "pool" in note.lower()]


def test_nothing_differs(host):
    host.domain(sd_id=A)
    keep(host, PLAIN)
    done = host.json("restore", A).json
    assert done["changed"] is False
    assert done["difference"] == {"removed": [], "added": []}
    assert done["copy"]["number"] == 1
    assert not [note for note in done["notes"] if "copy 1" in note]
