# SPDX-License-Identifier: GPL-2.0-or-later
import contextlib
import os

import pytest

from tests.support import commandline
from tests.support.host import vdsmlike
from tests.support.storage import filedomain
from vdsm_backup.host import vdsm_client
from vdsm_backup.lease import client
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
POOL = "11111111-2222-3333-4444-555555555555"
WHY = ["--reason", "edited by hand"]
EVIL = "a\x1b[2Jb"


def broken(host, **values):
    """A domain whose checksum was deleted; the right lines."""
    host.domain(sd_id=A, **values)
    lines = encoding.decode_file(host.bytes(A), A)
    filedomain.put(host.mount, A, lines[:-1])
    return lines


def test_reseal(host):
    lines = broken(host, BACKUP="True", BACKUP_REASON="x")
    done = host.run("reseal", A, *WHY)
    assert done.out.splitlines() == [
        f"Storage domain data1 ({A}) has the right checksum (_SHA_CKSUM)"
        " again.",
        "    since an unknown time by somebody unknown",
        "    reason: x",
        f"  + {lines[-1]}",
    ]
    assert "note: the flag is not changed: it is a backup domain\n" in done.err
    assert done.code == 0
    assert host.bytes(A) == encoding.encode_file(lines)
    (copy,) = host.json("history", A).json["copies"]
    assert (copy["action"], copy["seal"]) == ("reseal", "missing")
    done = host.run("reseal", A, *WHY)
    assert done.out.startswith("Nothing to change: storage domain data1 (")
    assert done.code == 0
    assert len(host.kept()) == 1


def test_a_flag_that_is_none_stays(host):
    lines = broken(host, BACKUP="Tru")
    done = host.run("reseal", A, *WHY)
    assert "has the right checksum (_SHA_CKSUM) again." in done.out
    assert "it stays so, and the guard goes on refusing" in done.err
    assert done.code == 0
    assert host.bytes(A) == encoding.encode_file(lines)


def test_json(host):
    lines = broken(host)
    before = host.bytes(A)
    dry = host.json("reseal", A, *WHY, "--dry-run")
    assert set(dry.json) == commandline.RESEALED
    assert (dry.code, dry.json["changed"], dry.json["dry_run"]) == (
        0,
        True,
        True,
    )
    assert dry.json["metadata"] == lines
    assert host.bytes(A) == before
    assert host.kept() == []
    done = host.json("reseal", A, *WHY)
    assert set(done.json) == commandline.RESEALED
    assert set(done.json["domain"]) == commandline.DOMAIN
    assert done.json["domain"]["seal"] == "valid"
    assert done.json["difference"] == {"removed": [], "added": lines[-1:]}
    again = host.json("reseal", A, *WHY)
    assert set(again.json) == commandline.RESEALED
    assert again.json["changed"] is False


def test_dry_run_prints_the_lines(host):
    lines = broken(host, name=EVIL)
    done = host.run("reseal", A, *WHY, "--dry-run")
    title, *shown = done.out.splitlines()
    assert title.startswith("Dry run, nothing was written: storage domain ")
    assert "would get the right checksum (_SHA_CKSUM)." in title
    assert [line.strip() for line in shown] == [
        line.replace("\x1b", r"\x1b") for line in lines
    ]
    assert commandline.hidden(done.out) == []


@pytest.mark.parametrize("args", [[], ["--reason", ""], ["--reason", "a\nb"]])
def test_reason(host, args):
    broken(host)
    before = host.bytes(A)
    assert host.json("reseal", A, *args).code == 2
    assert host.bytes(A) == before


REFUSED = {
    "binary": b"\xff\xfe" * 100,
    "empty": b"",
    "nuls": b"\0" * 512,
    "huge": b"A=1\n" * (1 << 19),
    "two values": b"CLASS=Iso\n",
    "no separator": b"what is this\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(host, name):
    lines = broken(host)
    data = REFUSED[name]
    if data.count(b"\n") == 1:
        data = encoding.encode_file(lines[:-1]) + data
    filedomain.put_bytes(host.mount, A, data)
    done = host.json("reseal", A, *WHY)
    assert (done.error, done.code) == (9602, 4)
    assert A in done.json["error"]["message"]
    assert host.bytes(A) == data
    assert host.kept() == []
    assert host.json("check", A, "--operation", "run").code in (0, 4)


@pytest.mark.parametrize("kind", ["directory", "link", "fifo"])
def test_no_file(host, kind):
    broken(host)
    path = filedomain.path(host.mount, A)
    os.rename(path, f"{path}.real")
    {
        "directory": os.mkdir,
        "link": lambda path: os.symlink(f"{path}.real", path),
        "fifo": os.mkfifo,
    }[kind](path)
    done = host.json("reseal", A, *WHY)
    assert (done.error, done.code) == (9602, 4)
    assert "not a regular file" in done.json["error"]["message"]


def test_missing_metadata(host):
    broken(host)
    os.unlink(filedomain.path(host.mount, A))
    assert host.json("reseal", A, *WHY).error == 992


def test_truncated_anywhere(host):
    """What is cut before its last lines is no metadata any more."""
    host.domain(sd_id=A)
    data = host.bytes(A)
    whole = data.rindex(b"_SHA")
    for size in range(0, whole, 31):
        filedomain.put_bytes(host.mount, A, data[:size])
        done = host.json("reseal", A, *WHY)
        assert (done.error, done.code) in ((9602, 4), (958, 1)), size
        assert host.bytes(A) == data[:size]
    filedomain.put_bytes(host.mount, A, data[: whole + 20])
    assert host.json("reseal", A, *WHY).code == 0
    assert host.bytes(A) == data


@pytest.mark.parametrize("broke", ["deleted", "another", "edited"])
@pytest.mark.parametrize("kind", ["True", "False", None])
def test_the_guard_before_and_after(host, broke, kind):
    lines = broken(host, BACKUP=kind)
    if broke != "deleted":
        lines[-1] = f"{md_lines.SEAL}={'0' * 40}"
        if broke == "edited":
            lines.insert(0, "AAA=1")
        filedomain.put(host.mount, A, lines)

    def allowed():
        return host.json("check", A, "--operation", "run").json["allowed"]

    # What has a wrong checksum is not read at all.
    assert allowed() is (broke == "deleted" and kind != "True")
    assert host.json("reseal", A, *WHY).code == 0
    assert allowed() is (kind != "True")


def test_attached(host):
    lines = broken(host, POOL_UUID=POOL)
    done = host.json("reseal", A, *WHY)
    assert done.code == 0
    assert host.bytes(A) == encoding.encode_file(lines)
    assert done.json["domain"]["pool"] == POOL


@pytest.fixture
def vdsm(host, monkeypatch):
    """VDSM runs; what it says of the domain, or raises."""

    class Vdsm(vdsmlike.Vdsm):
        def has_active(self, sd_id):
            assert sd_id == A
            return super().has_active(sd_id)

    monkeypatch.setattr(vdsm_client, "Vdsm", Vdsm)
    host.start_vdsm()
    return Vdsm


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_vdsm_has_it_active(host, vdsm, more):
    broken(host, POOL_UUID=POOL)
    before = host.bytes(A)
    done = host.json("reseal", A, *WHY, *more)
    assert (done.error, done.code) == (974, 4)
    assert "is used by this host: VDSM" in done.json["error"]["message"]
    assert host.bytes(A) == before
    vdsm.answer = False
    assert host.json("reseal", A, *WHY, *more).code == 0


def test_vdsm_activates_it_while_the_lease_is_taken(host, vdsm, monkeypatch):
    broken(host)
    before = host.bytes(A)
    vdsm.answer = False

    @contextlib.contextmanager
    def take(request, progress):
        vdsm.answer = True
        with commandline.free_lease(request, progress) as held:
            yield held

    monkeypatch.setattr(client, "take", take)
    assert host.json("reseal", A, *WHY).error == 974
    assert host.bytes(A) == before
    assert host.kept() == []


@pytest.mark.parametrize(
    "error",
    [
        vdsm_client.Unreachable("no client"),
        vdsm_client.Unanswered("no answer"),
        vdsm_client.Refused(5, "no \x1b"),
    ],
)
def test_vdsm_does_not_tell(host, vdsm, error):
    """Then only a lockspace does, which a local domain has not."""
    vdsm.answer = error
    broken(host, TYPE="LOCALFS")
    done = host.json("reseal", A, *WHY)
    assert (done.error, done.code) == (974, 4)
    assert "does not tell" in done.json["error"]["message"]
    values = filedomain.metadata(A)
    filedomain.put(host.mount, A, md_lines.flush(values)[:-1])
    done = host.json("reseal", A, *WHY)
    assert done.code == 0
    assert "only its lockspace tells" in done.json["notes"][1]
    assert "\x1b" not in done.json["notes"][1]


@pytest.fixture
def journal(monkeypatch):
    """(priority, fields) of what it was told."""
    told = []

    def send(message, priority, **fields):
        told.append((priority, fields))
        return True

    monkeypatch.setattr("vdsm_backup.host.journal.send", send)
    return told


def test_the_journal_keeps_the_reason(host, journal):
    broken(host)
    host.run("reseal", A, *WHY, "--dry-run")
    assert journal == []
    host.run("reseal", A, *WHY)
    (priority, fields) = journal.pop()
    assert fields.pop("by").partition("@")[2]
    # A VM was refused before, and may use the domain now.
    assert (priority, fields) == (
        4,
        {
            "action": "reseal",
            "result": "done",
            "domain": A,
            "name": "data1",
            "before": "unknown",
            "after": "False",
            "reason": WHY[1],
            "host_id": 7,
            "via": "command",
            "copy": 1,
            "code": None,
        },
    )
    # Nothing to change.
    host.run("reseal", A, *WHY)
    (priority, fields) = journal.pop()
    assert (priority, fields["result"]) == (5, "done")
    assert (fields["before"], fields["after"]) == ("False", "False")
    filedomain.put_bytes(host.mount, A, b"")
    host.run("reseal", A, *WHY)
    (priority, fields) = journal.pop()
    assert (priority, fields["result"], fields["code"]) == (4, "refused", 9602)
    os.unlink(filedomain.path(host.mount, A))
    host.run("reseal", A, *WHY)
    (priority, fields) = journal.pop()
    assert (priority, fields["result"], fields["code"]) == (3, "failed", 992)


def test_help_names_it(host):
    assert "reseal" in host.run("--help").out
    done = host.run("set", A, "--reason", "x")
    assert done.code == 1
    broken(host)
    hints = host.json("set", A, "--reason", "x").json["error"]["hints"]
    assert any("reseal" in hint for hint in hints)
