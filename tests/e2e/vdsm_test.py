# SPDX-License-Identifier: GPL-2.0-or-later
"""
A real VDSM on a host with device-mapper: tests/vdsm/block_dm_test.py, run in
host 1 with the VDSM of this machine, on two LUNs that nobody else has.
"""

import ast
import os
from xml.etree import ElementTree

import pytest

from tests import ROOT
from tests.e2e import vdsmtree
from tests.support.vdsm.vdsmblock import LUNS

TESTS = "tests/vdsm/block_dm_test.py"
REPORT = "/tmp/vdsm-report.xml"

# VDSM makes no VG of less than 10 GiB.
LUN_SIZE = 12 * 1024**3
WWNS = ("0x5000c50000000b01", "0x5000c50000000b02")

# Seconds; sanlock's own 10 make each of many joins one of 20 s.
IO_TIMEOUT = 4

pytestmark = pytest.mark.skipif(
    bool(vdsmtree.missing()), reason=vdsmtree.missing()
)


def names():
    with open(os.path.join(ROOT, TESTS), encoding="utf-8") as f:
        found = [
            getattr(node, "name", "") for node in ast.parse(f.read()).body
        ]
    return [name for name in found if name.startswith("test_")]


@pytest.fixture(scope="module")
def ran(box):
    """{function: [(case, what is bad about it), ...]}"""
    host = box.hosts[0]
    for wwn in WWNS:
        host.plug_disk(f"lun-{wwn}", LUN_SIZE, wwn)
    # multipath puts a 3 before a WWN.
    wwids = [f"3{wwn[2:]}" for wwn in WWNS]
    for wwid in wwids:
        host.run(f"until [ -b /dev/mapper/{wwid} ]; do sleep 1; done")
    settings = {
        **vdsmtree.bring(host),
        # Not a tmpfs, which has no O_DIRECT.
        "TMPDIR": "/var/tmp",
        "VDSM_BACKUP_IO_TIMEOUT": str(IO_TIMEOUT),
        LUNS: ",".join(wwids),
    }
    env = ["env", "-C", vdsmtree.HOME]
    env += [f"{name}={value}" for name, value in settings.items()]
    command = f"python3 -m pytest -q -rA -p no:cacheprovider -W ignore {TESTS}"
    job = host.start([*env, *command.split(), f"--junitxml={REPORT}"])
    print(job.wait(timeout=3000))
    report = host.run(f"cat {REPORT}").out
    results = {}
    for case in ElementTree.fromstring(report).iter("testcase"):
        name = case.get("name")
        bad = [
            f"{name}: {one.tag}: {one.get('message')}\n{one.text}"
            for one in case
            if one.tag in ("error", "failure", "skipped")
        ]
        results.setdefault(name.partition("[")[0], []).append((name, bad))
    return results


@pytest.mark.parametrize("name", names())
def test_block_domains_of_vdsm(ran, name):
    cases = ran.get(name, [])
    print(*(case for case, _ in cases))
    assert cases
    bad = sum((texts for _, texts in cases), [])
    assert not bad, "\n".join(bad)
