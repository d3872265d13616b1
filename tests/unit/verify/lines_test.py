# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from tests.support.storage import filedomain
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.verify import lines as verify_lines

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
POOL = "11111111-2222-3333-4444-555555555555"


def check(version=5, more=(), kind="file", **values):
    values = filedomain.metadata(SD, version, **values)
    lines = [*more, *md_lines.flush(values)]
    md = md_lines.parse(lines)
    return verify_lines.check(lines, md.values, SD, kind)


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("pool", ["", POOL])
def test_what_vdsm_makes(version, pool):
    found = check(version, POOL_UUID=pool)
    assert (found.problems, found.notes) == ([], [])
    assert found.looked_at == ["metadata", "checksum", "flag"]


def test_keys_of_vdsms_pool():
    found = check(MASTER_VERSION="1", POOL_SPM_ID="-1", EXPORT_PATH="x")
    assert (found.problems, found.notes) == ([], [])


@pytest.mark.parametrize(
    "key", ["backup", "Backup", "BACKUP:", "\uff22ACKUP", "BACKUP\u200b"]
)
def test_flag_that_people_read_and_vdsm_does_not(key):
    (problem,) = check(**{key: "True"}).problems
    assert problem.code == 967
    assert "is not BACKUP, and is ignored" in str(problem)


def test_flag_that_somebody_has_taken_away():
    (problem,) = check(BACKUP_REASON="x", BACKUP_BY="y").problems
    assert problem.code == 967
    assert "it has BACKUP_REASON, BACKUP_BY, and no BACKUP" in str(problem)
    assert check(BACKUP="False", BACKUP_REASON="x").problems == []


@pytest.mark.parametrize("key", ["backup_reason", "Pool_UUID", "lockpolicy"])
def test_other_keys_in_the_wrong_case(key):
    found = check(**{key: "x"})
    assert found.problems == []
    (note,) = found.notes
    assert note == f"its key {key} is not {key.upper()}, and is ignored"


def test_key_twice_with_the_same_value():
    found = check(more=["ROLE=Regular", "BACKUP_X=1", "BACKUP_X=1"])
    assert found.problems == []
    assert "the same value: BACKUP_X, ROLE;" in found.notes[0]


def test_key_twice_with_two_values_is_told_elsewhere():
    assert check(more=["ROLE=Master"]).notes == []


@pytest.mark.parametrize(
    "pool, codes, words",
    [
        (None, [], "it has no POOL_UUID; VDSM takes it for detached"),
        (
            "00000000-0000-0000-0000-000000000000",
            [],
            "VDSM takes it for detached",
        ),
        ("nothing", [967], "no UUID of a pool: nothing"),
        (POOL.upper().replace("1", "A"), [967], "no UUID of a pool"),
        (" ", [967], "no UUID of a pool"),
        (",", [967], "no UUID of a pool"),
        (f"{POOL},{SD}", [967], "a Data domain has one pool"),
    ],
)
def test_pool(pool, codes, words):
    found = check(POOL_UUID=pool)
    assert [e.code for e in found.problems] == codes
    (text,) = [*map(str, found.problems), *found.notes]
    assert words in text


@pytest.mark.parametrize(
    "version, values, codes",
    [
        (4, {"ALIGNMENT": "1048576", "BLOCK_SIZE": "512"}, []),
        (4, {"BLOCK_SIZE": "4096"}, [9622]),
        (4, {"ALIGNMENT": "8388608"}, [9622]),
        (5, {"BLOCK_SIZE": "4096"}, []),
        (5, {"BLOCK_SIZE": "4096", "ALIGNMENT": "8388608"}, []),
        (5, {"ALIGNMENT": None}, [967]),
        (5, {"BLOCK_SIZE": "x"}, [967]),
        (5, {"BLOCK_SIZE": "1024"}, [967]),
        # sanlock has these sizes, but not together.
        (5, {"ALIGNMENT": "8388608"}, [967]),
    ],
)
def test_geometry(version, values, codes):
    assert [e.code for e in check(version, **values).problems] == codes


@pytest.mark.parametrize(
    "values, codes",
    [
        ({"VERSION": "6"}, [9622]),
        ({"VERSION": "five"}, [9622]),
        ({"VERSION": " 5"}, [967]),
        ({"CLASS": "data"}, [9622]),
        ({"CLASS": None}, [9622]),
        ({"ROLE": None}, [9622]),
        ({"DESCRIPTION": None}, [9622]),
        ({"TYPE": "nfs"}, []),
        ({"TYPE": "FTP"}, [9622]),
    ],
)
def test_values_that_vdsm_refuses(values, codes):
    assert [e.code for e in check(**values).problems] == codes


def test_type_of_the_other_kind():
    assert check(TYPE="FCP").notes == ["TYPE is FCP, but it is a file domain"]


@pytest.mark.parametrize(
    "value, codes",
    [
        ("pv:a,uuid:b,pestart:0,pecount:9,mapoffset:0", []),
        ("pv:a,uuid", [9622]),
    ],
)
def test_mapping_that_vdsm_cannot_decode(value, codes):
    found = check(kind="block", TYPE="FCP", PV0=value)
    assert [e.code for e in found.problems] == codes
    assert check(PV0=value).problems == []
