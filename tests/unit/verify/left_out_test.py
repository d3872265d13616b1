# SPDX-License-Identifier: GPL-2.0-or-later
"""VGs that VDSM takes for no domain; integration/left_out_test.py has more."""

import pytest

from vdsm_backup.lvm import scan
from vdsm_backup.verify import left_out

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
OURS = ("RHAT_storage_domain", f"MDT_SDUUID={SD}", "MDT_DESCRIPTION=data1")


@pytest.mark.parametrize(
    "name, tags, problem, next_step",
    [
        (SD, ("RHAT_storage_domain_UNREADY",), "never finished", "wait"),
        (SD, OURS[1:], "no tag RHAT_storage_domain", "compare"),
        (f"{SD}1", OURS[:1], "no UUID in lower case", "compare"),
        (
            f"{SD}1",
            OURS,
            "no UUID in lower case",
            f"vgrename --devices /dev/a,/dev/b {SD}1 {SD}",
        ),
    ],
)
def test_vg_that_is_no_domain(name, tags, problem, next_step):
    pvs = tuple(scan.Pv(f"/dev/{n}", n, False, True) for n in "ab")
    vg = scan.Vg(name, "V-uuid", "wz--n-", tags, "", "", pvs, ())
    error = left_out.unmade(vg)
    assert error.code == 9622
    assert problem in str(error)
    assert str(error).endswith("(VG UUID V-uuid, on /dev/a, /dev/b)")
    assert next_step in error.hint_lines()[0]
    wanted = (SD, "data1") if tags[1:] and tags != OURS[:1] else ("", "")
    assert left_out.claimed(vg) == wanted
