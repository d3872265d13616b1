# SPDX-License-Identifier: GPL-2.0-or-later
from vdsm_backup.record import Record


class Place(Record):
    __slots__ = ("name", "number")

    def __init__(self, name, number=0):
        self.name = name
        self.number = number


class Other(Record):
    __slots__ = ("name", "number")

    def __init__(self, name, number):
        self.name = name
        self.number = number


def test_equal_by_all_values():
    assert Place("a", 1) == Place("a", 1)
    assert Place("a", 1) != Place("a", 2)
    assert Place("a", 1) != Place("b", 1)


def test_another_class_is_not_equal():
    assert Place("a", 1) != Other("a", 1)
    assert Place("a", 1) != ("a", 1)


def test_one_in_a_set():
    assert len({Place("a"), Place("a"), Place("b"), Place("a", 1)}) == 3


def test_shown_with_its_values():
    assert repr(Place("a", 1)) == "Place('a', 1)"


def test_no_other_attribute():
    assert not hasattr(Place("a"), "__dict__")
