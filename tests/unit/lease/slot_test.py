# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a dump says of a slot. See membership_slot_test for when a slot is free.
"""

import pytest

from vdsm_backup.lease.slot import Rival, Slot, parse_slot
from vdsm_backup.text import printable

HEAD = (
    b"  offset                            lockspace"
    b"                                         resource  timestamp  own  gen"
    b" lver\n"
)
SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
OFFSET = 249 * 512
MINE = Slot("mine", 42, 7)


def line(offset, owner, timestamp, own, generation, sd_id=SD):
    """As direct_dump() in sanlock's src/direct.c prints a slot."""
    if isinstance(owner, str):
        owner = owner.encode()
    return b"%08d %36s %48s %010d %04d %04d\n" % (
        offset,
        sd_id.encode(),
        owner[:48].split(b"\0")[0],
        timestamp,
        own,
        generation,
    )


def parse(dump):
    return parse_slot(dump, SD, OFFSET)


@pytest.mark.parametrize("owner", ["host1", "a b", "1 2 3", "250", "x" * 48])
def test_parse_slot(owner):
    dump = (
        HEAD
        + line(0, "host1", 17, 1, 4)
        + line(OFFSET, owner, 42, 250, 7)
        + line(OFFSET + 512, "host251", 17, 251, 5)
    )
    assert parse(dump) == Slot(owner, 42, 7)


def test_parse_slot_without_owner():
    dump = HEAD + line(OFFSET, "", 0, 250, 7)
    assert parse(dump) == Slot("", 0, 7)


def test_parse_slot_that_was_never_used():
    assert parse(HEAD) == Slot("", 0, 0)
    dump = HEAD + line(0, "host1", 17, 1, 4)
    assert parse(dump) == Slot("", 0, 0)


# As much of a line for slot 250 as fits into a name.
FORGED = f"\n{OFFSET:08} {SD} x"

HOSTILE = [
    b"two\nlines",
    b"\n",
    b"\n" * 48,
    b"\r\n\x0b\x0c",
    b"a\x1b[31mb",
    b"\xff\xfe\x80",
    "h\u00f6st \u2028 \u202e".encode(),
    b"end \n0000000001 0250 0001",
    b"%08d x y 0000000001 0250 0001\n" % OFFSET,
    FORGED.encode(),
    b"host\0\n",
]


@pytest.mark.parametrize("owner", HOSTILE, ids=repr)
def test_owner_that_is_no_plain_text(owner):
    """It is shown escaped, whatever it has."""
    slot = parse(HEAD + line(OFFSET, owner, 42, 250, 7))
    assert (slot.timestamp, slot.generation) == (42, 7)
    text = owner[:48].split(b"\0")[0].decode("utf-8", "backslashreplace")
    assert slot.owner == printable(text)
    assert slot.owner.isprintable()


@pytest.mark.parametrize("owner", HOSTILE, ids=repr)
@pytest.mark.parametrize("offset", [0, OFFSET - 512])
def test_another_owner_that_is_no_plain_text(offset, owner):
    """It hides no other slot, and is not taken for one."""
    dump = HEAD + line(offset, owner, 17, 1, 4)
    assert parse(dump) == Slot()
    assert parse(dump + line(OFFSET, "mine", 42, 250, 7)) == MINE
    behind = line(OFFSET + 512, owner, 17, 251, 4)
    assert parse(HEAD + line(OFFSET, "mine", 42, 250, 7) + behind) == MINE


def test_slot_of_another_lockspace():
    other = SD.replace("0ad9", "1ad9")
    dump = line(0, "a", 1, 1, 1, other) + line(OFFSET, "mine", 42, 250, 7)
    assert parse(HEAD + dump) == MINE
    assert parse(HEAD + line(OFFSET, "a", 1, 250, 1, other)) == Slot()


# A host that renews the slot while this host joins with it


def seen(*slots):
    rival = Rival()
    return [rival.sees(Slot(*slot)) for slot in slots]


def test_host_that_renews_is_alive():
    slots = [("h", 1, 3), ("h", 1, 3), ("h", 21, 3), ("h", 21, 3)]
    assert seen(*slots, ("h", 41, 3))[-2:] == [False, True]


@pytest.mark.parametrize(
    "slots",
    [
        # A host that has crashed.
        [("h", 1, 3)] * 9,
        # We have taken the slot, and have joined, which is not told yet.
        [("h", 1, 3), ("me", 9, 4), ("me", 9, 4), ("me", 29, 4)],
        # It is left, and taken, and left.
        [("h", 1, 3), ("h", 0, 3), ("h", 9, 4), ("h", 0, 4), ("h", 11, 5)],
        [("", 0, 0)] * 9,
    ],
)
def test_who_does_not_renew_is_no_rival(slots):
    assert not any(seen(*slots))
