# SPDX-License-Identifier: GPL-2.0-or-later
from tests.support.vdsm.vdsmshapes import Schema
from vdsm_backup.plugin import schema


class Extended(Schema):
    __init__ = schema.init(Schema.__init__)


def test_verbs_are_there():
    found = Extended(["vdsm-api"], False)._methods
    assert set(found) - {"StorageDomain.getInfo"} == {
        "StorageDomain.setBackup",
        "StorageDomain.getBackup",
    }
    parameters = found["StorageDomain.setBackup"]["params"]
    assert [p["name"] for p in parameters] == [
        "storagedomainID",
        "backup",
        "reason",
        "expected",
        "by",
    ]
    assert [p for p in parameters if "defaultvalue" in p] == parameters[3:]


def test_info_may_have_the_flag():
    found = Extended(["vdsm-api"], False)._methods["StorageDomain.getInfo"]
    (added,) = found["return"]["type"]["properties"]
    assert (added["name"], added["defaultvalue"]) == ("backup", None)


def test_other_schemas_stay_as_they_are():
    assert Extended(["vdsm-events"], False)._methods == {}
