# SPDX-License-Identifier: GPL-2.0-or-later
import os
import shutil

import pytest

from tests.support import commandline
from vdsm_backup.guard import policy

MISSING = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def flagged(host):
    return host.domain(5, name="backups", BACKUP="True", BACKUP_BY="a@b")


def xml(host, tmp_path, *sds):
    disks = "".join(
        f"<disk device='disk'><source file='{host.mount}/{sd}/images/i/v'/>"
        f"<target dev='vd{c}'/></disk>"
        for c, sd in zip("abcdef", sds)
    )
    path = tmp_path / "vm.xml"
    path.write_text(
        f"<domain><name>web1</name><devices>{disks}</devices></domain>"
    )
    return str(path)


@pytest.mark.parametrize("row", policy.TABLE, ids=lambda r: r.operation)
@pytest.mark.parametrize("by", ["uuid", "name"])
def test_every_operation(host, flagged, row, by):
    sd = flagged if by == "uuid" else "backups"
    done = host.json("check", "--operation", row.operation, sd)
    refused = row.answer == policy.REFUSED
    assert done.code == (4 if refused else 0)
    assert done.json["allowed"] is not refused
    assert done.json["mode"] == "enforcing"
    asked = row.answer != policy.ALLOWED
    assert [r["refused"] for r in done.json["refusals"]] == [refused] * asked


def test_a_domain_without_the_flag(host):
    done = host.json("check", "--operation", "run", host.domain(5))
    assert done.code == 0
    assert done.json["refusals"] == []


def test_a_refusal_in_json(host, flagged):
    done = host.json("check", "--operation", "run", flagged)
    assert set(done.json) == commandline.CHECKED
    (refusal,) = done.json["refusals"]
    assert set(refusal) == commandline.REFUSAL
    assert (refusal["code"], refusal["domain"]) == (994, flagged)
    assert refusal["operation"] == "run"


def test_a_refusal_in_words(host, flagged):
    done = host.run("check", "--operation", "run", flagged)
    assert done.out.startswith("run: refused ([guard] mode is enforcing)\n")
    assert "error 994: A VM cannot start: the disk is on backup" in done.out
    assert "hint: copy or move" in done.out


def test_all_disks_of_a_vm_are_judged(host, flagged, tmp_path):
    path = xml(host, tmp_path, host.domain(5), flagged, MISSING)
    done = host.json("check", "--operation", "migrate-in", "--domxml", path)
    assert done.code == 4
    found = [(r["code"], r["disk"]) for r in done.json["refusals"]]
    assert found == [(994, "disk vdb"), (995, "disk vdc")]
    assert "VM web1" in done.json["refusals"][0]["message"]


def test_a_vm_elsewhere(host, tmp_path):
    path = xml(host, tmp_path, host.domain(5))
    done = host.run("check", "--operation", "run", "--domxml", path)
    assert (done.code, done.err) == (0, "")
    assert done.out == "run: allowed ([guard] mode is enforcing)\n"


def test_permissive_tells_what_it_would_refuse(host, flagged):
    host.configure(mode="permissive")
    done = host.json("check", "--operation", "run", flagged)
    assert done.code == 0
    assert done.json["allowed"] is True
    assert done.json["mode"] == "permissive"
    assert done.json["refusals"][0]["refused"] is False
    done = host.run("check", "--operation", "run", flagged)
    assert done.out.startswith(
        "run: would be refused ([guard] mode is permissive)\n"
        "    would be refused: error 994: A VM may start, though the disk is"
        " on backup domain "
    )


def test_disabled_tells_what_it_lets_through(host, flagged):
    host.configure(mode="disabled")
    done = host.run("check", flagged)
    assert done.code == 0
    assert done.out.startswith(
        "run: allowed ([guard] mode is disabled)\n"
        "    not refused, [guard] mode is disabled: error 994: A VM may start,"
        " though the disk is on backup domain "
    )


@pytest.mark.parametrize("mode", ["enforcing", "permissive"])
def test_what_cannot_be_read_and_may_run(host, mode):
    """No mode would refuse it."""
    host.configure(mode=mode, on_unreadable="allow")
    done = host.run("check", MISSING)
    assert done.code == 0
    assert done.out.startswith(
        f"run: allowed ([guard] mode is {mode})\n"
        "    not refused, [guard] on_unreadable is allow: error 995: A VM may"
        f" start, though the disk is on domain {MISSING}, whose backup flag"
    )


@pytest.mark.parametrize(
    "changed, words",
    [
        ({}, "run: refused"),
        ({"mode": "permissive"}, "run: would be refused"),
        ({"on_unreadable": "allow"}, "run: allowed"),
        ({"mode": "disabled"}, "run: allowed"),
    ],
)
def test_a_vm_that_is_unclear(host, tmp_path, changed, words):
    host.configure(**changed)
    path = tmp_path / "vm.xml"
    path.write_text("<domain>")
    done = host.run("check", "--domxml", str(path))
    assert done.out.startswith(f"{words} ([guard]")
    assert ("not because it is flagged" in done.out) is (not changed)
    found = host.json("check", "--domxml", str(path)).json
    assert found["allowed"] is bool(changed)
    (refusal,) = found["refusals"]
    assert (refusal["code"], refusal["domain"]) == (996, None)
    assert refusal["refused"] is not found["allowed"]


def test_a_vm_that_runs_already(host, flagged):
    done = host.run("check", "--operation", "live-snapshot", flagged)
    assert done.out.startswith(
        "live-snapshot: allowed ([guard] mode is enforcing)\n"
        "    not refused, a refusal would harm a VM that runs there: error"
        " 994: A VM may get a snapshot, though the disk is on backup domain "
    )


def test_a_domain_that_cannot_be_found_is_refused(host):
    done = host.json("check", "--operation", "run", MISSING)
    assert done.code == 4
    assert done.json["refusals"][0]["code"] == 995
    host.configure(on_unreadable="allow")
    assert host.json("check", "--operation", "run", MISSING).code == 0


@pytest.mark.parametrize(
    "lost, code, words",
    [("dom_md", 9622, "its dom_md is gone"), ("metadata", 992, "is gone")],
)
def test_what_a_domain_has_lost_is_the_reason(
    host, tmp_path, lost, code, words
):
    """And not that storage did not answer within the time it was waited."""
    sd = host.domain(5)
    dom_md = os.path.join(host.mount, sd, "dom_md")
    if lost == "dom_md":
        shutil.rmtree(dom_md)
    else:
        os.unlink(os.path.join(dom_md, "metadata"))
    host.configure(io_timeout=4)
    done = host.run("check", "--domxml", xml(host, tmp_path, sd))
    assert done.code == 4
    assert f"error {code}: " in done.out and words in done.out


def test_a_name_of_no_domain_is_an_error(host):
    assert host.json("check", "--operation", "run", "nobody").error == 956


def test_where_the_flag_does_not_matter_nothing_is_looked_for(host):
    assert host.json("check", "--operation", "teardown", "nobody").code == 0


def test_path(host, flagged):
    args = ["--path", host.mount, flagged]
    assert host.run("check", "--operation", "run", *args).code == 4


def test_the_operation_is_run_if_nothing_is_said(host, flagged):
    done = host.json("check", flagged)
    said = host.json("check", "--operation", "run", flagged)
    assert (done.code, done.json) == (said.code, said.json)
    assert done.code == 4


def test_xml_from_stdin(host, flagged, tmp_path):
    """As of `virsh dumpxml VM | vdsm-backup-domain check --domxml -`."""
    with open(xml(host, tmp_path, flagged)) as f:
        done = host.process("check", "--domxml", "-", "--json", stdin=f)
    assert (done.code, done.json["refusals"][0]["domain"]) == (4, flagged)


@pytest.mark.parametrize(
    "args",
    [
        ["--operation", "run"],
        ["--operation", "rn", MISSING],
        [],
        ["--operation", "run", "--domxml", "x", MISSING],
        ["--operation", "run", "--domxml", "x", "--path", "/x"],
        ["--operation", "run", "--path", "/x", "--device", "/dev/x"],
    ],
)
def test_wrong_usage(host, args):
    assert host.run("check", *args).code == 2


@pytest.mark.parametrize("text", ["", "<domain", "<!DOCTYPE a><domain/>"])
def test_an_xml_of_no_vm(host, tmp_path, text):
    """As a hook has it: by [guard]."""
    path = tmp_path / "x"
    path.write_text(text)
    args = ["check", "--domxml", str(path), "--operation"]
    done = host.json(*args, "run")
    assert done.code == 4
    (refusal,) = done.json["refusals"]
    assert set(refusal) == commandline.REFUSAL
    assert (refusal["code"], refusal["refused"]) == (996, True)
    # No log has anything of a file that somebody has named.
    (hint,) = refusal["hints"]
    assert "virsh -r dumpxml VM" in hint
    assert host.json(*args, "cdrom").code == 0
    host.configure(mode="permissive")
    done = host.json(*args, "run")
    assert (done.code, done.json["allowed"]) == (0, True)
    assert done.json["refusals"][0]["refused"] is False


def test_an_xml_that_is_not_there(host, tmp_path):
    path = str(tmp_path / "none")
    done = host.json("check", "--operation", "run", "--domxml", path)
    assert (done.code, done.error) == (2, 990)
