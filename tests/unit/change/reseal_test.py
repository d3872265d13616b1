# SPDX-License-Identifier: GPL-2.0-or-later
"""Giving metadata the right checksum again, on a domain in memory."""

import pytest

from tests.support.storage.memory import MemoryStorage
from tests.support.world import POOL, RESEAL, SD, SET, Request, make
from vdsm_backup import errors
from vdsm_backup.metadata import lines as md_lines

SEAL = md_lines.SEAL

# What is left of sealed lines that somebody has edited.
BROKEN = {
    "deleted": lambda x: x[:-1],
    "another": lambda x: [*x[:-1], f"{SEAL}={'0' * 40}"],
    "empty": lambda x: [*x[:-1], f"{SEAL}="],
    "no checksum": lambda x: [*x[:-1], f"{SEAL}=what & why"],
    "two": lambda x: [*x, f"{SEAL}={'0' * 40}"],
    "two, the right one last": lambda x: [f"{SEAL}=0", *x],
    "three": lambda x: [f"{SEAL}=0", *x, f"{SEAL}=1"],
    "twice the same wrong one": lambda x: [*x[:-1], *[f"{SEAL}=0"] * 2],
    "twice the right one": lambda x: [*x, x[-1]],
    "a line was added": lambda x: ["AAA=1", *x],
    "deleted, and an empty last line": lambda x: [*x[:-1], ""],
    "another, and blank lines": lambda x: ["", *x[:-1], f"{SEAL}=0", " ", ""],
    "deleted, in another order": lambda x: x[-2::-1],
}

REFUSED = {
    "no VERSION": (lambda x: _without(x, "VERSION"), "no VERSION"),
    "no SDUUID": (lambda x: _without(x, "SDUUID"), "no SDUUID"),
    "nothing": (lambda x: [], "empty"),
    "only a checksum": (lambda x: x[-1:], "empty"),
    "only blank lines": (lambda x: ["", ""], "empty"),
    "two values": (lambda x: ["CLASS=Iso", *x], "CLASS"),
    "two values, sealed": (
        lambda x: [*x[:-1], "LEASERETRIES=4", x[-1]],
        "LEASERETRIES",
    ),
    "two flags": (lambda x: ["BACKUP=True", "BACKUP=False", *x], "BACKUP"),
    "two versions": (lambda x: ["VERSION=4", *x[:-1]], "VERSION"),
    "no separator": (lambda x: ["what is this", *x[:-1]], "what is this"),
    "another domain": (
        lambda x: [
            *_without(x, "SDUUID")[:-1],
            "SDUUID=b" + SD[1:],
        ],
        "SDUUID is b",
    ),
}


def _without(lines, key):
    return [line for line in lines if not line.startswith(f"{key}=")]


@pytest.fixture(params=[None, "False", "True"], ids=["plain", "no", "yes"])
def lines(request):
    """Of a domain, sealed, with and without a flag."""
    return make(BACKUP=request.param).lines


@pytest.mark.parametrize("name", BROKEN)
def test_broken_checksum(world, lines, name):
    broken = BROKEN[name](lines)
    values = md_lines.parse(broken).values
    storage = MemoryStorage(SD, broken)
    result = world.reseal(storage)
    assert result.changed
    assert storage.lines == result.lines == md_lines.flush(values)
    assert result.before == broken
    flag = [line for line in lines if line.startswith("BACKUP=")]
    assert [x for x in storage.lines if x.startswith("BACKUP=")] == flag
    (number,) = world.history.numbers(SD)
    copy = world.history.get(SD, number)
    assert (copy.lines, copy.action) == (broken, "reseal")
    # It can be changed again.
    storage.calls.clear()
    assert world.reseal(storage).changed is False
    assert storage.calls == ["read"]


def test_key_like_a_checksum_is_a_key(world):
    storage = make()
    other = storage.lines.pop().replace("_SHA", "_sha")
    storage.lines.append(other)
    world.reseal(storage)
    assert other in storage.lines
    assert md_lines.parse(storage.lines).seal == "valid"


def test_can_be_set_and_cleared_afterwards(world):
    storage = make()
    storage.lines.pop()
    with pytest.raises(errors.SealMissing):
        world.change(storage, SET)
    world.reseal(storage)
    assert world.change(storage, SET).changed


@pytest.mark.parametrize("name", REFUSED)
def test_refused(world, name):
    spoil, word = REFUSED[name]
    storage = MemoryStorage(SD, spoil(make().lines))
    before = list(storage.lines)
    for dry_run in (True, False):
        with pytest.raises(errors.ResealRefused) as e:
            world.reseal(storage, Request("reseal", "why", dry_run))
        assert word in str(e.value)
    assert storage.lines == before
    assert world.history.numbers(SD) == []
    assert world.log == []


@pytest.mark.parametrize(
    "error",
    [
        errors.NotMetadata(SD, "it is not UTF-8 text at byte 3"),
        errors.DamagedMetadata(SD, "tag A cannot be decoded"),
    ],
)
def test_what_does_not_parse_is_refused(world, error):
    storage = make()
    storage.faults["read"] = error
    with pytest.raises(errors.ResealRefused) as e:
        world.reseal(storage)
    assert str(e.value).endswith(list(error.fields().values())[1])


@pytest.mark.parametrize(
    "error",
    [
        errors.MetadataUnreadable(SD, "Input/output error"),
        errors.MetadataMissing(SD, "metadata"),
        errors.StorageTimeout("storage", 30),
        errors.VolumeGroupUnsafe(SD, "duplicate PVs"),
    ],
)
def test_what_cannot_be_read_is_no_answer(world, error):
    storage = make()
    storage.faults["read"] = error
    with pytest.raises(type(error)):
        world.reseal(storage)
    assert world.log == []


@pytest.mark.parametrize(
    "values, error",
    [
        ({"VERSION": "3"}, errors.UnsupportedVersion),
        ({"VERSION": ""}, errors.UnsupportedVersion),
        ({"CLASS": "Iso"}, errors.UnsupportedClass),
        ({"CLASS": None}, errors.UnsupportedClass),
        ({"ALIGNMENT": "12"}, errors.DamagedMetadata),
    ],
)
def test_domains_that_have_no_lease_that_we_know(world, values, error):
    storage = make(**values)
    storage.lines.pop()
    with pytest.raises(error):
        world.reseal(storage)
    assert "write" not in world.log


def test_nothing_to_change(world):
    storage = make()
    storage.lines.append("")
    result = world.reseal(storage)
    assert not result.changed
    assert world.log == []
    assert world.history.numbers(SD) == []


def test_dry_run(world):
    storage = make()
    sealed = storage.lines
    storage.lines = sealed[:-1]
    result = world.reseal(storage, Request("reseal", "why", dry_run=True))
    assert (result.changed, result.lines) == (True, sealed)
    assert storage.lines == sealed[:-1]
    assert world.log == []


@pytest.mark.parametrize("pool", ["", POOL, None, "no UUID"])
def test_whatever_the_pool_is(world, pool):
    storage = make(POOL_UUID=pool)
    storage.lines.pop()
    world.vdsm = True
    assert world.reseal(storage).changed
    assert "inactive" in world.log


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_domain_that_is_active_is_refused(world, dry_run):
    storage = make(POOL_UUID=POOL)
    storage.lines.pop()
    world.active = [SD]
    with pytest.raises(errors.HostsLive):
        world.reseal(storage, Request("reseal", "why", dry_run))
    assert world.log == []


def test_hosts_that_are_live_refuse(world):
    storage = make()
    before = storage.lines = storage.lines[:-1]
    world.lease_error = errors.HostsLive(SD, "3", "")
    with pytest.raises(errors.HostsLive):
        world.reseal(storage)
    assert storage.lines == before
    assert world.history.numbers(SD) == []


def test_somebody_was_first(world):
    storage = make()
    storage.lines.pop()

    def other(storage):
        storage.lines.append(f"{SEAL}=0")

    world.under_lease = other
    with pytest.raises(errors.MetadataChanged):
        world.reseal(storage)
    assert "write" not in world.log


def test_no_copy_no_change(world, tmp_path):
    (tmp_path / "history").write_text("a file")
    storage = make()
    before = storage.lines = storage.lines[:-1]
    with pytest.raises(errors.HistoryFailed):
        world.reseal(storage)
    assert storage.lines == before


@pytest.mark.parametrize(
    "value, words",
    [
        ("True", "not changed: it is a backup domain"),
        ("False", "not changed: it is not a backup domain"),
        (None, "not changed: it is not a backup domain"),
        ("maybe", "neither True nor False: it stays so"),
    ],
)
def test_what_is_said_of_the_flag(world, value, words):
    storage = make(BACKUP=value)
    storage.lines.pop()
    (note,) = world.reseal(storage).notes
    assert words in note


def test_a_flag_that_this_host_has_set_and_that_is_gone(world):
    storage = make()
    world.change(storage, SET)
    storage.lines = _without(storage.lines, "BACKUP")[:-1]
    result = world.reseal(storage, RESEAL)
    assert "after it kept copy 1, and now the flag is gone" in result.notes[1]
    # Once more: the last change is no `set` any more.
    storage.lines.pop()
    assert len(world.reseal(storage, RESEAL).notes) == 1
