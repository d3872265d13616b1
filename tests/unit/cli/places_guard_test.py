# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guard says of a domain that is found in two places."""

import os

import pytest

from tests.support.placefixtures import WHY, A, B
from tests.support.storage import filedomain
from vdsm_backup.metadata import lines as md_lines

pytest_plugins = ["tests.support.placefixtures"]


def xml(*devices):
    return f"<domain><devices>{''.join(devices)}</devices></domain>"


def lease(path="", sd_id=A):
    target = f"<target path='{path}' offset='1048576'/>" if path else ""
    return f"<lease><lockspace>{sd_id}</lockspace>{target}</lease>"


def check(host, tmp_path, *devices):
    path = tmp_path / "vm.xml"
    path.write_text(xml(*devices))
    return host.json("check", "--operation", "run", "--domxml", str(path))


@pytest.mark.parametrize("name", ["", "first", "second", "placeholder"])
def test_vm_that_has_only_a_lease_there(host, twice, tmp_path, name):
    mounts = {"first": host.mount, "second": twice}
    path = ""
    if name in mounts:
        path = os.path.join(mounts[name], A, "dom_md", "xleases")
    elif name:
        path = f"LEASE-PATH:{B}:{A}"
    done = check(host, tmp_path, lease(path))
    assert (done.code, done.json["refusals"]) == (0, [])
    assert host.run("set", A, *WHY, "--path", twice).code == 0
    done = check(host, tmp_path, lease(path))
    assert done.code == 4
    (refusal,) = done.json["refusals"]
    assert (refusal["code"], refusal["disk"]) == (994, "a lease")


@pytest.mark.parametrize("flagged", ["neither", "origin", "copy"])
def test_lease_on_a_copy_or_on_its_origin(host, copy, tmp_path, flagged):
    """Where nothing tells which of them it is, either of them counts."""
    lines = md_lines.flush(filedomain.metadata(A, BACKUP="True"))
    if flagged != "neither":
        mount = host.mount if flagged == "origin" else copy
        filedomain.put(mount, A, lines)
    done = check(host, tmp_path, lease())
    codes = [r["code"] for r in done.json["refusals"]]
    assert codes == ([] if flagged == "neither" else [994])
    for mount in (host.mount, copy):
        path = os.path.join(mount, A, "dom_md", "xleases")
        done = check(host, tmp_path, lease(path, sd_id="other"))
        codes = [r["code"] for r in done.json["refusals"]]
        there = mount == {"origin": host.mount, "copy": copy}.get(flagged)
        assert codes == ([994] if there else [])


@pytest.mark.parametrize("broken", ["origin", "copy"])
def test_lease_and_a_place_that_cannot_be_read(host, copy, tmp_path, broken):
    good, bad = host.mount, copy
    if broken == "origin":
        good, bad = bad, good
    filedomain.put_bytes(bad, A, b"\xff")
    done = check(host, tmp_path, lease())
    assert [r["code"] for r in done.json["refusals"]] == [995]
    lines = md_lines.flush(filedomain.metadata(A, BACKUP="True"))
    filedomain.put(good, A, lines)
    done = check(host, tmp_path, lease())
    (refusal,) = done.json["refusals"]
    assert refusal["code"] in (994, 995)


@pytest.mark.parametrize("sd", [A, A.upper()])
def test_check_of_a_domain(host, twice, sd):
    check = ["check", "--operation", "run", sd]
    assert host.json(*check).code == 0
    assert host.run("set", A, *WHY, "--path", twice).code == 0
    assert host.json(*check).json["refusals"][0]["code"] == 994
