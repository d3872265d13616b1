# SPDX-License-Identifier: GPL-2.0-or-later
"""The guard inside VDSM: what a VM needs, and what is made of the answer."""

import math
import threading
import time

import pytest

from tests.support.hooks import permitfile
from tests.support.vdsm import vdsmvms
from tests.support.vdsm.vdsmvms import drive
from vdsm_backup import config, errors
from vdsm_backup.host import journal
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.plugin import gatekeeper
from vdsm_backup.plugin.shared_reads import Reads
from vdsm_backup.vm.paths import Location

ONE = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
TWO = "6f7a2e3b-0d58-4c1f-9e2a-4b8c0d1e3f52"

XML = f"""<domain><devices>
<disk device='disk'><target dev='vda'/>
<source file='/rhev/data-center/mnt/server:_x/{ONE}/images/i/v'/></disk>
<disk device='cdrom'><target dev='sdc'/>
<source file='/rhev/data-center/mnt/server:_x/{TWO}/images/i/v'/></disk>
<disk device='disk'><target dev='vdb'/>
<source file='/home/somebody/{TWO}/v'/></disk>
<lease><lockspace>{TWO}</lockspace></lease>
</devices></domain>"""


class World:
    """Flags on storage, by domain; an error is raised. `reads` so far."""

    def __init__(self):
        self.flags = {}
        self.reads = []

    def lines(self, sd_id):
        self.reads.append(sd_id)
        value = self.flags.get(sd_id, False)
        if isinstance(value, Exception):
            raise value
        values = {"VERSION": "5", "SDUUID": sd_id, "DESCRIPTION": sd_id[:4]}
        if value:
            set_by = flag.Flag(True, reason="why", by="me", since="now")
            values = flag.apply(values, set_by)
        return md_lines.flush(values)


@pytest.fixture
def world(monkeypatch):
    vdsmvms.be_imported(monkeypatch)
    world = World()
    monkeypatch.setattr(gatekeeper, "_read_lines", world.lines)
    monkeypatch.setattr(gatekeeper, "_reads", Reads())
    return world


@pytest.fixture
def entries(monkeypatch):
    found = []
    monkeypatch.setattr(
        journal,
        "send",
        lambda message, priority, **fields: found.append(fields) or True,
    )
    return found


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vdsm-backup.conf"


@pytest.fixture
def gate(path, world, entries):
    path.write_text("")
    return gatekeeper.Gate(str(path))


def needs(found):
    return [(need.device, need.location.domain) for need in found]


# What a VM needs


def test_drives():
    floppy = drive("c", device="floppy")
    lun = {"device": "lun", "GUID": "g"}
    drives = [
        drive("a", domainID=ONE),
        drive("b", device="cdrom"),
        floppy,
        lun,
        {"device": "disk", "path": "/x"},
        {"device": "disk", "name": "f", "domainID": "no image"},
        drive("d", managed=True),
        {k: v for k, v in drive("e").items() if k != "name"},
    ]
    assert needs(gatekeeper.needs_of_drives(drives)) == [
        ("disk a", ONE),
        ("disk e", "sd"),
    ]
    assert gatekeeper.needs_of_drives([drive("a")])[0].location == Location(
        "sd"
    )


def test_xml():
    """Not the CD-ROM; not what only looks like a domain of VDSM."""
    found = gatekeeper.needs_of_xml(XML, config.load(), math.inf)
    assert needs(found) == [("disk vda", ONE), ("a lease", TWO)]
    assert {need.location for need in found} == {Location(ONE), Location(TWO)}


def test_each_domain_is_read_once(gate, world):
    drives = [drive("vda", domainID=ONE), drive("vdx", domainID=ONE)]
    gate.require_allowed("run", "VM x", "id", drives, XML)
    assert sorted(world.reads) == [ONE, TWO]


# What is made of the answer


def refusal(call, *args, **kwargs):
    with pytest.raises(vdsmvms.VdsmException) as e:
        call(*args, **kwargs)
    return e.value


def test_all_refusals_in_one_message(gate, world, entries):
    world.flags = {ONE: True, TWO: True}
    raised = refusal(gate.require_allowed, "run", "VM x", "id", xml=XML)
    assert raised.response()["status"] == {
        "code": 994,
        "message": (
            "VM x cannot start: a lease is on backup domain 6f7a"
            " (set by me: why) (error 994); copy the disk elsewhere; "
            "VM x cannot start: disk vda is on backup domain 5e6f"
            " (set by me: why) (error 994); copy the disk elsewhere"
        ),
    }
    assert raised.expected
    assert [(e["domain"], e["answer"], e["vm_id"]) for e in entries] == [
        (TWO, "refused", "id"),
        (ONE, "refused", "id"),
    ]


def test_flag_that_cannot_be_read(gate, world):
    world.flags = {ONE: errors.MetadataUnreadable(ONE, "I/O error")}
    raised = refusal(
        gate.require_allowed,
        "run",
        "VM x",
        drives=[drive("vda", domainID=ONE)],
    )
    assert raised.code == 995
    assert "not because it is flagged" in str(raised)


def test_no_answer_in_time(gate, world, path, monkeypatch):
    path.write_text("[storage]\nio_timeout = 0.1\n")
    go = threading.Event()
    monkeypatch.setattr(gatekeeper, "_read_lines", lambda sd_id: go.wait(60))
    raised = refusal(
        gate.require_allowed,
        "run",
        "VM x",
        drives=[drive("vda", domainID=ONE)],
    )
    go.set()
    assert raised.code == 995


def test_read_that_is_late(monkeypatch):
    monkeypatch.setattr(gatekeeper, "_read_lines", lambda sd_id: None)
    with pytest.raises(errors.StorageTimeout):
        gatekeeper._shared_read(ONE, time.monotonic() - 1, 30)


def test_domains_are_read_side_by_side(gate, world, path, monkeypatch):
    """Each of the reads waits for the others."""
    path.write_text("[storage]\nio_timeout = 10\n")
    all_at_once = threading.Barrier(3, timeout=60)

    def lines(sd_id):
        all_at_once.wait()
        return world.lines(sd_id)

    monkeypatch.setattr(gatekeeper, "_read_lines", lines)
    drives = [drive(f"vd{n}", domainID=f"{n}{ONE[1:]}") for n in range(3)]
    world.flags = {drives[2]["domainID"]: True}
    raised = refusal(gate.require_allowed, "run", "VM x", drives=drives)
    assert (raised.code, "disk vd2 is on" in str(raised)) == (994, True)


@pytest.mark.parametrize(
    "text",
    ["mode = permissive", "mode = disabled"],
)
def test_let_through(gate, world, path, entries, text):
    world.flags = {ONE: True}
    path.write_text(f"[guard]\n{text}\n")
    gate.require_allowed("run", "VM x", "id", xml=XML)
    assert [(e["domain"], e["answer"]) for e in entries] == [(ONE, "allowed")]


def test_allow_is_no_option_any_more(gate, world, path):
    world.flags = {ONE: True}
    path.write_text("[guard]\nallow = run\n")
    assert refusal(gate.require_allowed, "run", "VM x", xml=XML).code == 994


@pytest.mark.parametrize(
    "operation", ["live-snapshot", "live-merge", "recover"]
)
def test_violations_are_told(gate, world, entries, operation):
    world.flags = {ONE: True, TWO: errors.MetadataUnreadable(TWO, "I/O")}
    gate.require_allowed(operation, "VM x", "id", xml=XML)
    assert {(e["domain"], e["answer"]) for e in entries} == {
        (ONE, "allowed"),
        (TWO, "allowed"),
    }


def test_cleanup_reads_nothing(gate, world):
    gate.require_allowed("hotunplug", "VM x", xml=XML)
    assert world.reads == []


def test_xml_that_is_broken(gate):
    assert refusal(gate.require_allowed, "run", "VM x", xml="<x/>").code == 996
    gate.require_allowed("recover", "VM x", xml="<x/>")


@pytest.mark.parametrize(
    "operation, refused", [("run", True), ("recover", False)]
)
def test_broken_configuration(gate, path, entries, operation, refused):
    path.write_text("[guard]\nmode = maybe\n")
    if refused:
        raised = refusal(gate.require_allowed, operation, "VM x")
        assert raised.code == 987
        assert str(raised).startswith("Not because it is flagged: Config")
        # VDSM logs it with one trace.
        assert raised.__suppress_context__
    else:
        gate.require_allowed(operation, "VM x")
    (entry,) = entries
    assert entry["answer"] == ("refused" if refused else "allowed")
    assert entry["code"] == 987


def test_fault_of_ours(gate, path, entries, monkeypatch):
    monkeypatch.setattr(gatekeeper, "needs_of_drives", lambda drives: 1 / 0)
    assert refusal(gate.require_allowed, "run", "VM x").code == 999
    assert "ZeroDivisionError" in entries[0]["trace"]
    gate.require_allowed("recover", "VM x")
    path.write_text("[guard]\nmode = permissive\n")
    gate.require_allowed("run", "VM x")
    assert [e["answer"] for e in entries] == ["refused", "allowed", "allowed"]


def test_the_hosts_own_configuration_need_not_be_there(world, monkeypatch):
    monkeypatch.setattr(config, "PATH", "/nowhere/at/all.conf")
    gatekeeper.Gate(None).require_allowed("run", "VM x", xml=XML)
    assert (
        refusal(
            gatekeeper.Gate("/nowhere/else").require_allowed, "run", "VM x"
        ).code
        == 987
    )


def test_the_hosts_own_configuration_that_cannot_be_read(
    world, entries, tmp_path, monkeypatch
):
    """When VDSM starts, and until it is mended; no restart."""
    monkeypatch.setattr(config, "PATH", str(tmp_path / "main"))
    (tmp_path / "conf.d").write_text("")
    gate = gatekeeper.Gate(None)
    raised = refusal(gate.require_allowed, "run", "VM x", xml=XML)
    assert raised.code == 987
    assert str(tmp_path / "conf.d") in str(raised)
    (tmp_path / "conf.d").unlink()
    gate.require_allowed("run", "VM x", xml=XML)
    assert [e["code"] for e in entries] == [987]


# A domain as a whole


def test_a_flagged_domain_that_is_to_be_formatted(gate, world, entries):
    world.flags = {ONE: True}
    raised = refusal(gate.require_allowed, "format", None, domain=ONE)
    assert str(raised) == (
        "Backup domain 5e6f cannot be formatted, clear the flag first"
        " (set by me: why) (error 9605)"
    )
    (entry,) = entries
    assert (entry["vm"], entry["vm_id"]) == (None, None)
    assert entry["disk"] == "the domain"


def test_an_unreadable_domain_that_is_to_be_formatted(gate, world, entries):
    world.flags = {ONE: errors.MetadataUnreadable(ONE, "I/O error")}
    gate.require_allowed("format", None, domain=ONE)
    (entry,) = entries
    assert (entry["code"], entry["answer"]) == (961, "allowed")


def test_a_fault_of_ours_formats_nothing(gate, path, entries, monkeypatch):
    monkeypatch.setattr(gatekeeper, "needs_of_drives", lambda drives: 1 / 0)
    assert refusal(gate.require_allowed, "format", None, domain=ONE).code
    assert entries[0]["code"] == 999
    path.write_text("[guard]\nmode = permissive\n")
    gate.require_allowed("format", None, domain=ONE)


# Permits


VM = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def permit(path, gate, tmp_path):
    path.write_text(f"[guard]\npermits = {tmp_path}/permits\n")
    permitfile.write(tmp_path / "permits", VM, permitfile.content(VM))


@permitfile.needs_root
@pytest.mark.parametrize(
    "operation", ["run", "migrate-in", "hotplug", "replicate-to"]
)
def test_a_permit(gate, world, entries, permit, caplog, operation):
    world.flags = {ONE: True, TWO: errors.MetadataUnreadable(TWO, "I/O")}
    gate.require_allowed(operation, "VM x", VM, xml=XML)
    assert [(e["code"], e["answer"]) for e in entries] == [
        (994, "allowed"),
        (995, "allowed"),
    ]
    assert "goes on, [guard] mode is enforcing, permitted until" in caplog.text
    assert (
        refusal(gate.require_allowed, operation, "VM y", ONE, xml=XML).code
        == 994
    )


@permitfile.needs_root
def test_a_preview_is_of_no_vm(gate, world, permit):
    world.flags = {ONE: True}
    assert (
        refusal(
            gate.require_allowed,
            "preview",
            "A VM",
            drives=[drive("a", domainID=ONE)],
        ).code
        == 994
    )
    assert refusal(gate.require_allowed, "format", None, domain=ONE).code


# Telling without waiting


def test_tell_journal_does_not_wait(gate, world, entries, monkeypatch):
    go, told = threading.Event(), threading.Event()
    world.flags = {ONE: True}
    lines = world.lines
    monkeypatch.setattr(
        gatekeeper, "_read_lines", lambda sd_id: go.wait(60) and lines(sd_id)
    )
    send = journal.send

    def tell(*args, **kwargs):
        send(*args, **kwargs)
        told.set()

    monkeypatch.setattr(journal, "send", tell)
    gate.tell_journal("recover", "VM x", "id", xml=XML)
    assert entries == []
    go.set()
    assert told.wait(60)
    assert entries[0]["operation"] == "recover"


def test_tell_journal_does_not_fail(gate, monkeypatch, caplog):
    def no_more(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_more)
    gate.tell_journal("recover", "VM x", "id", xml=XML)
    assert "recover: VM x was not judged" in caplog.text
