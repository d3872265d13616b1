# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from vdsm_backup.metadata import origin

HERE = origin.file_origin("nfs4", 12, "server:/a,b:sd")


@pytest.mark.parametrize(
    "stored, match",
    [
        (HERE, origin.SAME),
        (origin.file_origin("nfs4", 12, "other:/a,b:sd"), origin.MOVED),
        (origin.file_origin("ext4", 12, "server:/a,b:sd"), origin.MOVED),
        (origin.file_origin("nfs4", 13, "server:/a,b:sd"), origin.COPIED),
        (origin.file_origin("nfs4", 13, "other:/x"), origin.COPIED),
        ("", origin.UNKNOWN),
        ("pv:a,wwid:b", origin.UNKNOWN),
        ("file:nfs4,ino:x,at:y", origin.UNKNOWN),
    ],
)
def test_file(stored, match):
    assert origin.match_file(stored, HERE) == match


@pytest.mark.parametrize(
    "stored, wwids, match",
    [
        ("pv:A,wwid:1", {"A": "1"}, origin.SAME),
        ("pv:A,wwid:1", {"A": "1", "B": "2"}, origin.SAME),
        ("pv:A,wwid:1", {"A": "9"}, origin.REPLICA),
        ("pv:A,wwid:1", {"B": "1"}, origin.UNKNOWN),
        ("pv:A,wwid:1", {"A": ""}, origin.UNKNOWN),
        ("pv:A,wwid:", {"A": "1"}, origin.UNKNOWN),
        ("", {"A": "1"}, origin.UNKNOWN),
        (HERE, {"A": "1"}, origin.UNKNOWN),
    ],
)
def test_block(stored, wwids, match):
    assert origin.match_block(stored, wwids) == match
