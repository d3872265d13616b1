# SPDX-License-Identifier: GPL-2.0-or-later
"""What is stored when VDSM, without the lease, wrote at the same time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.storage import filedomain
from tests.support.storage.overlapping import (
    KINDS,
    assert_merged,
    with_flag,
)
from tests.support.world import POOL, SD
from vdsm_backup.change import merge
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines

PV = "pv:x,uuid:y,pestart:0,pecount:9,mapoffset:0"
FLAGS = {
    "without a flag": {},
    "with a flag": flag.apply({}, flag.Flag(True, "old", "x@y", "then")),
    "with a cleared one": flag.apply({}, flag.Flag(False, "old", "x@y")),
}


def lines_of(**values):
    return md_lines.flush(filedomain.metadata(SD, PV1=PV, **values))


def changed(lines, changes):
    values = {**md_lines.parse(lines).values, **changes}
    return md_lines.flush({k: v for k, v in values.items() if v is not None})


def tags_after(now, read, wanted):
    """VDSM's vgchange: it had read `read`, and `now` is there."""
    return sorted(
        (set(now) - (set(read) - set(wanted))) | (set(wanted) - set(read))
    )


def merged(old, new, found, **more):
    change = merge.Write(old, new)
    return merge.merge(SD, change, change, found, **more)


@pytest.fixture(params=FLAGS)
def old(request):
    return lines_of(POOL_UUID=POOL, **FLAGS[request.param])


@pytest.fixture
def new(old):
    return with_flag(old, "ours")


@pytest.fixture(params=KINDS)
def changes(request):
    return KINDS[request.param]


@pytest.mark.parametrize("memory", ["old", "new", "without a flag"])
def test_written_over_ours(old, new, changes, memory):
    """A whole set, of a VDSM that had this in its memory."""
    known = {"old": old, "new": new}.get(memory)
    if known is None:
        known = changed(old, dict.fromkeys(flag.KEYS))
    result = merged(old, new, changed(known, changes))
    assert result.ours
    assert_merged(SD, result.lines, new, changes)


@pytest.mark.parametrize("memory", ["old", "without a flag"])
def test_two_checksums(old, new, changes, memory):
    """Our tags came between VDSM's reading and its vgchange."""
    known = old
    if memory != "old":
        known = changed(old, dict.fromkeys(flag.KEYS))
    found = tags_after(new, old, changed(known, changes))
    seals = [line for line in found if line.startswith(md_lines.SEAL)]
    assert len(seals) == 2
    result = merged(old, new, found)
    assert result.ours
    assert_merged(SD, result.lines, new, changes)


def test_two_checksums_again(old, new, changes):
    """In the write that merges, too."""
    found = tags_after(new, old, changed(old, {"KEY1": "x"}))
    first = merged(old, new, found)
    again = tags_after(
        first.lines, found, changed(old, {"KEY1": "x", **changes})
    )
    last = merge.Write(found, first.lines)
    result = merge.merge(SD, merge.Write(old, new), last, again)
    assert result.ours
    assert_merged(SD, result.lines, new, {"KEY1": "x", **changes})


def test_what_we_replaced_comes_back(old, new, changes):
    lost = [changed(old, {"KEY1": "1"}), changed(old, changes)]
    result = merged(old, new, new, lost=lost)
    assert result.ours
    assert_merged(SD, result.lines, new, {"KEY1": "1", **changes})


def test_of_what_was_written_twice_the_later_counts(old, new):
    lost = [changed(old, {"KEY1": x, "KEY2": x}) for x in "12"]
    found = changed(new, {"KEY1": "3"})
    result = merged(old, new, found, lost=lost)
    assert_merged(SD, result.lines, new, {"KEY1": "3", "KEY2": "2"})


def test_what_we_replaced_and_nobody_can_read(old, new):
    result = merged(old, new, new, lost=[old[:-1], ["garbage"]])
    assert result == merge.Merged(new, True)


# Where we give way


def gives_way(old, new, found):
    result = merged(old, new, found)
    return (result.lines, result.ours) == (found, False)


def test_another_flag(old, new):
    assert gives_way(old, new, changed(with_flag(old, "theirs"), {"K": "1"}))


def test_the_flag_alone(old, new):
    """Another host may have put an older copy back."""
    without = changed(old, dict.fromkeys(flag.KEYS))
    assert gives_way(old, new, without)
    assert gives_way(old, new, old)


def test_attached_now():
    old = lines_of()
    new = with_flag(old, "ours")
    assert gives_way(old, new, changed(old, {"POOL_UUID": POOL}))


@pytest.mark.parametrize(
    "changes",
    [{"CLASS": "Iso"}, {"VERSION": "3"}],
    ids=["class", "version"],
)
def test_what_can_have_no_flag(old, new, changes):
    assert gives_way(old, new, changed(old, changes))


def test_two_checksums_and_another_flag(old, new):
    """Their whole set, not ours and theirs."""
    theirs = changed(with_flag(old, "theirs"), {"KEY": "x"})
    found = tags_after(new, old, theirs)
    result = merged(old, new, found)
    assert not result.ours
    assert sorted(result.lines) == sorted(theirs)


# Where nobody can tell


@pytest.mark.parametrize(
    "found",
    [
        [],
        ["garbage"],
        lines_of(KEY="x")[:-1],
        [*lines_of(KEY="x"), f"{md_lines.SEAL}=0"],
        # Another domain, whole.
        md_lines.flush(filedomain.metadata(POOL)),
    ],
)
def test_found_is_not_whole(old, new, found):
    assert merged(old, new, found) is None


def test_more_than_the_flag_changes(old, new, changes):
    """As in `restore`: then old and new tell less of what is whose."""
    found = changed(old, changes)
    assert merged(old[:-1], new, found) is None
    assert merged(changed(old, {"KEY2": "y"}), new, found) is None


def test_checksum_of_theirs_does_not_fit(old, new):
    theirs = changed(old, {"KEY": "x"})
    found = tags_after(new, old, theirs)
    found = ["KEY=y" if line == "KEY=x" else line for line in found]
    assert merged(old, new, found) is None


KEYS = st.sampled_from(["DESCRIPTION", "ROLE", "KEY", "PV1", *flag.KEYS])


@given(
    had=st.dictionaries(st.sampled_from(flag.KEYS), st.just("x")),
    changes=st.dictionaries(KEYS, st.sampled_from([None, "x", "y", ""])),
)
def test_never_anything_else(had, changes):
    """Whatever they change: both, or theirs alone, or nothing."""
    old = lines_of(**{**had, flag.BACKUP: "False"})
    new = with_flag(old, "ours")
    theirs = changed(old, changes)
    for found in (theirs, tags_after(new, old, theirs)):
        result = merged(old, new, found)
        if result is None:
            continue
        assert md_lines.is_whole(result.lines, SD)
        if result.ours:
            others = {k: v for k, v in changes.items() if k not in flag.KEYS}
            assert_merged(SD, result.lines, new, others)
        else:
            assert sorted(result.lines) == sorted(theirs)


# What undoes a change


def test_flag_of_before_in_what_was_merged(old, new, changes):
    lines = merged(old, new, changed(old, changes)).lines
    undone = merge.with_flag_of(lines, old)
    assert (
        md_lines.parse(undone).values
        == md_lines.parse(changed(old, changes)).values
    )


def test_flag_of_before_where_nothing_was_merged(old, new):
    assert merge.with_flag_of(new, old) == old
