# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from tests.support.world import SET, World, make
from vdsm_backup import errors
from vdsm_backup.cli import objects, readings
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.sources import Failure

KEYS = {
    "id",
    "name",
    "kind",
    "type",
    "version",
    "class",
    "pool",
    "flag",
    "reason",
    "by",
    "since",
    "origin",
    "origin_match",
    "seal",
    "error",
    "place",
    "notes",
}


def flagged(tmp_path):
    storage = make()
    World(tmp_path).change(storage, SET)
    return storage


def test_flagged_domain(tmp_path):
    reading = readings.read(flagged(tmp_path))
    assert reading.problems == []
    said = objects.domain_object(reading)
    assert set(said) == KEYS
    assert said["flag"] is True
    assert said["reason"] == "why it is"
    assert said["origin_match"] == "same"
    assert (said["version"], said["seal"]) == (5, "valid")
    assert said["pool"] is said["error"] is None


def test_unflagged_domain():
    said = objects.domain_object(readings.read(make()))
    assert said["flag"] is False
    assert said["reason"] is said["origin_match"] is None


def test_a_hazard_is_a_note(monkeypatch):
    """The flag can be read, and nothing else can be done with it."""
    storage = make()
    hazard = errors.VolumeGroupUnsafe(storage.sd_id, "it is exported")
    storage.hazard = lambda: hazard
    for reading in (readings.read(storage), readings.last_scan(storage)):
        said = objects.domain_object(reading)
        assert (said["flag"], said["error"]) == (False, None)
        assert said["notes"] == [
            f"error 968: Volume group {storage.sd_id} cannot be used: it is"
            " exported"
        ]


def test_unreadable_domain():
    storage = make()
    storage.faults["read"] = errors.StorageTimeout("it", 3)
    said = objects.domain_object(readings.read(storage))
    assert set(said) == KEYS
    assert said["flag"] is said["seal"] is said["name"] is None
    assert said["error"]["code"] == 962


def test_place_that_could_not_be_searched():
    failure = Failure("/mnt/x", errors.StorageTimeout("/mnt/x", 3))
    said = objects.failure_object(failure)
    assert set(said) == KEYS
    assert (said["kind"], said["place"]) == ("file", "/mnt/x")
    assert said["error"]["code"] == 962
    assert {key for key in KEYS if said[key]} == {"kind", "place", "error"}


@pytest.mark.parametrize(
    "spoil, codes, flag",
    [
        (lambda x: x[:-1], [965], False),
        (lambda x: ["A=1", *x], [964], None),
        (lambda x: ["torn", *x], [967], False),
        (lambda x: ["CLASS=Iso", *x], [967], None),
        (lambda x: ["CLASS=Iso", *x[:2], *x[3:]], [964], None),
        # To what `reseal` refuses nobody is told to give a checksum.
        (lambda x: [], [963], None),
        (lambda x: ["DESCRIPTION=x"], [963], None),
        (lambda x: ["DESCRIPTION=x", f"{md_lines.SEAL}=0"], [963], None),
        (lambda x: ["B=1", "B=2", *x], [967], None),
        (lambda x: ["B=1", "B=2", *x[:-1]], [967], None),
    ],
)
def test_problems(spoil, codes, flag):
    storage = make()
    storage.lines = spoil(storage.lines)
    reading = readings.read(storage)
    assert [p.code for p in reading.problems] == codes
    assert objects.domain_object(reading)["flag"] is flag


@pytest.mark.parametrize(
    "overrides, code",
    [
        ({"BACKUP": "maybe"}, 966),
        ({"version": 3, "BACKUP": "True"}, 958),
        ({"CLASS": "Iso", "BACKUP": "True"}, 959),
    ],
)
def test_values(overrides, code):
    reading = readings.read(make(**overrides))
    assert [p.code for p in reading.problems] == [code]


def test_what_cannot_have_a_flag_and_has_none_is_no_problem():
    assert readings.read(make(version=3)).problems == []
    assert readings.read(make(CLASS="Iso")).problems == []


def test_text_from_storage_is_kept_in_json():
    said = objects.domain_object(readings.read(make(name="\x1b[31mred")))
    assert said["name"] == "\x1b[31mred"


@pytest.mark.parametrize("text", ["x", "", "\u0665", "5.0"])
def test_odd_versions(text):
    assert (
        objects.domain_object(readings.read(make(VERSION=text)))["version"]
        is None
    )


def test_moved_since_it_was_flagged(tmp_path):
    storage = flagged(tmp_path)
    storage.found_at = "elsewhere"
    reading = readings.read(storage)
    assert objects.domain_object(reading)["origin_match"] == "moved"
    assert reading.notes() and reading.problems == []


def test_declared_seal_is_shown_harmless():
    storage = make()
    storage.lines[-1] = f"{md_lines.SEAL}=\x1b[31m"
    assert "\x1b" not in str(readings.read(storage).problems[0])
