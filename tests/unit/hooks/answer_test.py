# SPDX-License-Identifier: GPL-2.0-or-later
"""From an XML to an answer, in this process; the journal is a list."""

import os
import time
import uuid

import pytest

from tests.support import testhost
from tests.support.hooks.bytesource import Source
from tests.support.waiting import RUNS_OUT
from vdsm_backup import errors
from vdsm_backup.guard import host as guard_host
from vdsm_backup.guard import refusal
from vdsm_backup.hooks import entry as hooks_entry
from vdsm_backup.hooks.answer import Answer, File, Hook, domxml
from vdsm_backup.host import journal
from vdsm_backup.processes import defaults

pytest_plugins = ["tests.support.journalentries"]

VM = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def host(tmp_path, entries):
    with testhost.Host(tmp_path, io_timeout=RUNS_OUT) as host:
        host.flagged = host.domain(
            5,
            name="backups",
            BACKUP="True",
            BACKUP_BY="admin@host1",
            BACKUP_REASON="copies",
        )
        host.plain = host.domain(5, name="data")
        host.run_vdsm = str(tmp_path / "vdsm")
        yield host


def disk(host, sd_id, target="vda"):
    path = f"{host.mount}/{sd_id}/images/{uuid.uuid4()}/{uuid.uuid4()}"
    return (
        f"<disk type='file' device='disk'><source file='{path}'/>"
        f"<target dev='{target}'/></disk>"
    )


def xml(*disks, name="web1", attributes=""):
    return (
        f"<domain type='kvm' {attributes}><name>{name}</name>"
        f"<uuid>{VM}</uuid><devices>{''.join(disks)}</devices></domain>"
    ).encode()


def answer(host, data, operation="run", skip=None, vm=""):
    hook = Hook(operation, host.config, time.monotonic())
    return hook.answer(Source(data, vm), skip)


def test_a_vm_elsewhere_is_nobodys_business(host, entries):
    found = answer(host, xml(disk(host, host.plain)))
    assert found == Answer(True, "")
    assert entries == []


@pytest.mark.parametrize(
    "device, told",
    [
        ("", []),
        ("<disk><source file='{mount}/{sd}/images/i/v'/></disk>", ["told"]),
        ("{lease}", ["told"]),
        ("<disk><source dev='/dev/{sd}/v'/></disk>", ["told"]),
    ],
)
def test_children_are_heard_of_where_there_may_be_some(
    host, monkeypatch, device, told
):
    """If the caller ignores them, each command of lvm seems to succeed."""
    heard = []
    monkeypatch.setattr(
        defaults, "hear_of_children", lambda: heard.append("told")
    )
    lease = f"<lease><lockspace>{uuid.uuid4()}</lockspace></lease>"
    answer(
        host,
        xml(device.format(mount=host.mount, sd=host.plain, lease=lease)),
    )
    assert heard == told


def test_a_refusal(host, entries):
    found = answer(host, xml(disk(host, host.flagged)))
    assert not found.allowed
    assert found.text == (
        "VM web1 cannot start: disk vda is on backup domain backups (set by"
        " admin@host1: copies) (error 994); copy the disk elsewhere"
    )
    (entry,) = entries
    message = entry.pop("message")
    assert message.startswith("Refused: VM web1 cannot start: disk vda is on")
    assert entry == {
        "priority": journal.WARNING,
        "code": 994,
        "answer": "refused",
        "mode": "enforcing",
        "operation": "run",
        "vm": "VM web1",
        "vm_id": VM,
        "domain": host.flagged,
        "disk": "disk vda",
        "hint": "copy or move the disk to another domain and use it there; if"
        " it must not wait, for this VM and for a time, on the host that is to"
        f" run it: vdsm-backup-domain permit --vm {VM} --for 2h --reason TEXT",
    }


def test_all_that_is_found_is_logged(host, entries):
    disks = [disk(host, host.flagged), disk(host, str(uuid.uuid4()), "vdb")]
    found = answer(host, xml(*disks))
    assert found.text.endswith(
        "), 1 more domain refused too (error 994); copy the disk elsewhere"
    )
    assert [entry["code"] for entry in entries] == [994, 995]


@pytest.mark.parametrize(
    "mode, words",
    [
        ("permissive", "Would be refused (mode is permissive): VM web1 may"),
        ("disabled", "Not refused ([guard] mode is disabled): VM web1 may"),
    ],
)
def test_what_other_modes_let_through_is_logged(host, entries, mode, words):
    host.configure(mode=mode)
    found = answer(host, xml(disk(host, host.flagged)))
    assert found == Answer(True)
    (entry,) = entries
    assert entry["message"].startswith(words)
    assert (entry["answer"], entry["mode"]) == ("allowed", mode)
    assert (entry["vm"], entry["domain"]) == ("VM web1", host.flagged)


@pytest.mark.parametrize(
    "value", ["migrate-in, run", "what was never one", ""]
)
def test_allow_is_no_option_any_more(host, value):
    """Nor is it an error: that would refuse every VM of hosts that have it."""
    host.configure(guard_allow=value)
    assert answer(host, xml(disk(host, host.plain)), "migrate-in").allowed
    data = xml(disk(host, host.flagged))
    for operation in ("migrate-in", "run"):
        assert "(error 994)" in answer(host, data, operation).text


def test_a_disk_that_is_plugged_in_has_the_vm_of_the_caller(host):
    data = disk(host, host.flagged, "vdc").encode()
    found = answer(host, data, "hotplug", vm=VM)
    assert found.text.startswith(
        f"VM {VM} cannot plug in a disk: disk vdc is on backup domain"
    )


# Faults


def test_no_xml(host, entries):
    found = answer(host, b"")
    assert not found.allowed
    assert found.text.endswith("(error 996)")
    assert "not because it is flagged" in found.text
    assert entries[0]["priority"] == journal.ERR


def test_on_unreadable_is_for_faults_too(host, entries):
    host.configure(on_unreadable="allow")
    found = answer(host, b"<domain")
    assert found == Answer(True)
    assert entries[0]["answer"] == "allowed"
    message = entries[0]["message"]
    assert message.startswith(
        "Not judged: A VM: Cannot tell what the VM uses: its XML"
    )
    assert not answer(host, xml(disk(host, host.flagged))).allowed


def test_a_configuration_that_cannot_be_used(host, entries):
    host.configure(mode="permisive")
    found = answer(host, xml(disk(host, host.plain)))
    assert not found.allowed
    assert "[guard] mode" in found.text and "(error 987)" in found.text


def test_a_fault_of_ours_is_a_line_and_its_trace_is_logged(
    host, entries, monkeypatch
):
    def fail(*args):
        raise ZeroDivisionError("x" * 400)

    monkeypatch.setattr(guard_host, "GuardedVm", fail)
    found = answer(host, xml(disk(host, host.plain)))
    assert not found.allowed
    assert found.text.endswith("(error 999)")
    assert len(found.text) <= refusal.MAX_LINE
    assert "Traceback" not in found.text
    assert "ZeroDivisionError" in entries[0]["trace"]


# The VM that resumes


@pytest.fixture
def resume(host):
    return lambda vm: hooks_entry._will_resume(vm, host.run_vdsm)


def write_launch_flags(host):
    directory = os.path.join(host.run_vdsm, VM)
    os.makedirs(directory)
    with open(os.path.join(directory, "launchflags"), "w") as f:
        f.write("0")


def test_the_wrong_xml_of_a_vm_that_resumes(host, resume):
    data = xml(disk(host, host.flagged), attributes="id='7'")
    assert answer(host, data, skip=resume).allowed


def test_a_vm_that_starts_with_a_strange_xml(host, resume):
    write_launch_flags(host)
    data = xml(disk(host, host.flagged), attributes="id='7'")
    assert not answer(host, data, skip=resume).allowed


@pytest.mark.parametrize("uuid", ["", "../../tmp", VM.upper(), f"{VM}/x"])
def test_only_a_vm_with_a_uuid_resumes(host, resume, uuid):
    data = xml(disk(host, host.flagged), attributes="id='7'")
    data = data.replace(VM.encode(), uuid.encode())
    assert not answer(host, data, skip=resume).allowed


def test_a_vdsm_that_writes_no_launch_flags(host, resume):
    data = xml(disk(host, host.flagged))
    assert not answer(host, data, skip=resume).allowed


# Where the XML comes from


def test_a_file(tmp_path):
    path = tmp_path / "xml"
    path.write_bytes(b"<domain/>")
    assert File(str(path), VM).read() == b"<domain/>"
    assert File(str(path), VM).vm_id == VM
    assert File(str(path), "$(id)").vm_id == ""


def test_files_that_are_none(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/etc/passwd")
    names = ["fifo", "link", "missing", ".", "nul\0"]
    for path in [None, "", *(str(tmp_path / name) for name in names)]:
        with pytest.raises(errors.VmUnclear):
            File(path, "").read()


def test_a_large_file_is_not_read_whole(tmp_path):
    path = tmp_path / "xml"
    with open(path, "wb") as f:
        f.truncate(50 * 1024**2)
    assert len(File(str(path), "").read()) == domxml.MAX_XML + 1
