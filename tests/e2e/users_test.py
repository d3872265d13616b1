# SPDX-License-Identifier: GPL-2.0-or-later
"""`set` while a real qemu has something of the domain open."""

from tests.e2e.stories import IMAGE, VOLUME


def test_image_open_on_another_host(in_use, flagged):
    refused = in_use["image"]
    assert refused.rc == 4
    assert f"image {IMAGE}/{VOLUME} is open for writing by qemu" in refused.err
    assert_set_later(flagged, "nfs5")


def test_lv_open_on_this_host(in_use, flagged):
    refused = in_use["LV"]
    assert refused.rc == 4
    assert f"LV {VOLUME} is open on this host" in refused.err
    assert_set_later(flagged, "iscsi4")


def test_lv_open_on_another_host(in_use):
    """It cannot be seen: docs/limits.md says so."""
    assert in_use["other"].rc == 0


def assert_set_later(flagged, name):
    """The refused one left no flag, and the same works without a user."""
    for listed in flagged["before"]:
        assert listed[name]["flag"] is False
    assert flagged["set"][name].rc == 0
