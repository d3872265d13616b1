# SPDX-License-Identifier: GPL-2.0-or-later
"""What a dump says of a slot. See membership_test for when a slot is free."""

import pytest

from vdsm_backup.lease.slot import Slot, parse_slot

HEAD = (
    "  offset                            lockspace"
    "                                         resource  timestamp  own  gen"
    " lver\n"
)
SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
SLOT_250 = 249 * 512


def line(offset, owner, timestamp, own, generation):
    return (
        f"{offset:08} {SD:>36} {owner:>48} {timestamp:010} {own:04}"
        f" {generation:04}\n"
    )


@pytest.mark.parametrize("owner", ["host1", "a b", "1 2 3", "250"])
def test_parse_slot(owner):
    dump = (
        HEAD
        + line(0, "host1", 17, 1, 4)
        + line(SLOT_250, owner, 42, 250, 7)
        + line(SLOT_250 + 512, "host251", 17, 251, 5)
    )
    assert parse_slot(dump, SLOT_250) == Slot(owner, 42, 7)


def test_parse_slot_without_owner():
    dump = HEAD + line(SLOT_250, "", 0, 250, 7)
    assert parse_slot(dump, SLOT_250) == Slot("", 0, 7)


def test_parse_slot_that_was_never_used():
    assert parse_slot(HEAD, SLOT_250) == Slot("", 0, 0)
    dump = HEAD + line(0, "host1", 17, 1, 4)
    assert parse_slot(dump, SLOT_250) == Slot("", 0, 0)


def test_parse_slot_makes_the_owner_harmless():
    dump = HEAD + line(SLOT_250, "a\x1b[31mb", 42, 250, 7)
    assert "\x1b" not in parse_slot(dump, SLOT_250).owner
