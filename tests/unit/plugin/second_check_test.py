# SPDX-License-Identifier: GPL-2.0-or-later
"""The second check by itself; gates/ has it with VDSM's functions."""

import threading

import pytest

from tests.support.vdsm import vdsmvms
from tests.support.vdsm.vdsmvms import drive
from vdsm_backup.plugin import second_check


class Refused(Exception):
    pass


def refuse():
    raise Refused


@pytest.fixture
def cif():
    wrapped = second_check.prepare_volume_path(
        vdsmvms.clientIF.prepareVolumePath, None
    )
    cls = type("clientIF", (vdsmvms.clientIF,), {"prepareVolumePath": wrapped})
    return cls()


def torn_down(cif):
    return [image for what, image in cif.calls if what == "teardown"]


def test_a_check_for_each_image(cif):
    checks = []
    one, two = drive("one"), drive("two")
    with second_check.on_prepared(lambda: checks.append(len(cif.calls))):
        for each in (one, two):
            cif.prepareVolumePath(each)
    # Each one when its image had been prepared.
    assert checks == [1, 2]
    assert torn_down(cif) == []


def test_what_passed_is_given(cif):
    one, two = drive("one"), drive("two")
    with second_check.on_prepared(lambda: None) as prepared:
        cif.prepareVolumePath(one)
        assert prepared == [one]
    with pytest.raises(Refused):
        with second_check.on_prepared(refuse) as prepared:
            cif.prepareVolumePath(two)
    assert prepared == []
    assert torn_down(cif) == ["two"]


def test_nothing_is_left_of_it(cif):
    with pytest.raises(Refused):
        with second_check.on_prepared(refuse):
            cif.prepareVolumePath(drive("one"))
    cif.prepareVolumePath(drive("two"))
    assert torn_down(cif) == ["one"]


def test_one_in_another(cif):
    """As it was before, when the inner one has ended."""
    checks = []
    with second_check.on_prepared(lambda: checks.append("outer")) as outer:
        with second_check.on_prepared(lambda: checks.append("inner")):
            cif.prepareVolumePath(drive("one"))
        cif.prepareVolumePath(drive("two"))
    assert checks == ["inner", "outer"]
    assert [each["imageID"] for each in outer] == ["two"]


def test_other_threads_are_not_checked(cif):
    with second_check.on_prepared(refuse) as prepared:
        thread = threading.Thread(
            target=cif.prepareVolumePath, args=[drive("one")]
        )
        thread.start()
        thread.join()
    assert cif.calls == [("prepare", "one")]
    assert prepared == []


def test_only_what_was_prepared_is_torn_down(cif):
    """Somebody else may use what was not prepared; a path is no image."""
    one, two = drive("one"), drive("two")
    vdsmvms.clientIF.prepareVolumePath(cif, one)
    with pytest.raises(Refused):
        with second_check.torn_down_on_error(cif, [one, two, "/path", None]):
            raise Refused
    assert torn_down(cif) == ["one"]


def test_nothing_is_torn_down_without_an_error(cif):
    one = drive("one")
    with second_check.torn_down_on_error(cif, [one]):
        vdsmvms.clientIF.prepareVolumePath(cif, one)
    assert torn_down(cif) == []


def test_tear_down_never_fails(cif, caplog):
    cif.teardown_fails = True
    second_check.tear_down(cif, drive("one"))
    assert "Cannot tear down" in caplog.text
