# SPDX-License-Identifier: GPL-2.0-or-later
"""All rows of the guard's table by `check`, as a process of its own."""

import pytest

from tests.support import commandline
from tests.support.hooks import vmxml
from vdsm_backup.cli.exits import Exit
from vdsm_backup.guard import policy

pytest_plugins = ["tests.support.hooks.hookfixtures"]


@pytest.fixture(params=policy.TABLE, ids=lambda row: row.operation)
def row(request):
    return request.param


def check(guarded_host, operation, *args):
    done = guarded_host.cli.process(
        "--json", "check", "--operation", operation, *args
    )
    assert set(done.json) == commandline.CHECKED
    return done


def test_one_domain(guarded_host, domain, row):
    domain.flag("True")
    done = check(guarded_host, row.operation, domain.sd_id)
    refused = row.answer == policy.REFUSED
    assert done.code == (Exit.REFUSED if refused else Exit.DONE)
    assert done.json["allowed"] is not refused
    if row.answer == policy.ALLOWED:
        assert done.json["refusals"] == []
    else:
        (found,) = done.json["refusals"]
        assert set(found) == commandline.REFUSAL
        code = 9605 if row.operation == policy.FORMAT else 994
        assert (found["code"], found["domain"]) == (code, domain.sd_id)
        assert (found["operation"], found["refused"]) == (
            row.operation,
            refused,
        )
    domain.flag("False")
    done = check(guarded_host, row.operation, domain.sd_id)
    assert (done.code, done.json["refusals"]) == (Exit.DONE, [])


def test_a_vm(guarded_host, nfs, other, tmp_path, row):
    path = tmp_path / "vm.xml"
    disks = [other.disk(), nfs.disk(target="vdb")]
    path.write_bytes(vmxml.vm(*disks))
    nfs.flag("True")
    done = check(guarded_host, row.operation, "--domxml", str(path))
    refused = row.answer == policy.REFUSED
    assert done.code == (Exit.REFUSED if refused else Exit.DONE)
    disks = [found["disk"] for found in done.json["refusals"]]
    assert disks == ([] if row.answer == policy.ALLOWED else ["disk vdb"])
    nfs.flag(None)
    done = check(guarded_host, row.operation, "--domxml", str(path))
    assert (done.code, done.json["refusals"]) == (Exit.DONE, [])


def test_all_refusals_are_listed(guarded_host, domain, nfs, tmp_path):
    path = tmp_path / "vm.xml"
    path.write_bytes(
        vmxml.vm(nfs.disk(), domain.disk(target="vdb"), nfs.disk(target="vdc"))
    )
    nfs.flag("True")
    domain.flag("Maybe")
    done = check(guarded_host, "run", "--domxml", str(path))
    found = [(r["code"], r["domain"]) for r in done.json["refusals"]]
    assert found == [(994, nfs.sd_id), (995, domain.sd_id)]
