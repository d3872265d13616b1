# SPDX-License-Identifier: GPL-2.0-or-later
"""permit, and what check and doctor tell of permits."""

import os
import shlex

import pytest

from tests.support import commandline
from tests.support.hooks import permitfile
from tests.support.hooks.permitfile import needs_root, write
from vdsm_backup import config, errors
from vdsm_backup.doctor import checks as doctor_checks
from vdsm_backup.doctor import permits as doctor_permits
from vdsm_backup.guard import permits
from vdsm_backup.host import journal

VM = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
OTHER = "1bd9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
MAKE = ("permit", "--vm", VM, "--for", "2h", "--reason", "the mail server")


pytest_plugins = ["tests.support.journalentries"]
pytestmark = pytest.mark.usefixtures("entries")


# Making


@needs_root
def test_made(host, entries):
    done = host.run(*MAKE)
    assert (done.code, done.err) == (0, "")
    found = permits.find(host.permits, VM)
    first, when, by, reason = done.out.splitlines()
    assert first == f"VM {VM} may use flagged domains on this host."
    assert when.startswith(f"    until {found.until}, for ")
    assert by == f"    made {found.made} by {found.by}"
    assert reason == "    reason: the mail server"
    assert [e["action"] for e in entries] == ["permit"]


@needs_root
def test_made_in_json(host):
    done = host.json(*MAKE)
    assert done.code == 0
    assert set(done.json) == {"schema", "permit", "changed", "notes"}
    assert done.json["notes"] == []
    assert done.json["changed"] is True
    permit = done.json["permit"]
    assert set(permit) == commandline.PERMIT
    assert (permit["vm"], permit["state"]) == (VM, "open")
    assert 0 < permit["seconds_left"] <= 7200
    assert (permit["reason"], permit["error"]) == ("the mail server", None)
    assert "@" in permit["by"]


@needs_root
def test_a_host_without_a_journal(host, monkeypatch):
    monkeypatch.setattr(journal, "send", lambda *args, **fields: False)
    note = "the journal of this host was not told of it"
    done = host.run(*MAKE)
    assert (done.code, done.err) == (0, f"note: {note}\n")
    assert host.json(*MAKE).json["notes"] == [note]


@needs_root
@pytest.mark.parametrize(
    "time, seconds",
    [("1m", 60), ("90m", 5400), ("2h", 7200), ("7d", 7 * 86400)],
)
def test_how_long(host, time, seconds):
    host.run("permit", "--vm", VM.upper(), "--for", time, "--reason", "x")
    left = permits.find(host.permits, VM).left
    assert seconds - 60 < left <= seconds


@pytest.mark.parametrize(
    "time", ["", "0m", "2", "2 h", "-2h", "2.5h", "1w", "30s", "8d", "169h"]
)
def test_no_time(host, time):
    done = host.run("permit", "--vm", VM, f"--for={time}", "--reason", "x")
    assert done.code == 2
    assert "no time from 1m to 7d" in done.err
    assert not os.path.exists(host.permits)


@pytest.mark.parametrize(
    "vm_id",
    ["", "web1", VM[:-1], f"../{VM}", "00000000-0000-0000-0000-000000000000"],
)
def test_no_uuid_of_a_vm(host, vm_id):
    done = host.run("permit", f"--vm={vm_id}", "--for", "2h", "--reason", "x")
    assert done.code == 2
    assert "is no UUID of a VM" in done.err


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "\x1b[31m"])
def test_no_reason(host, reason):
    done = host.json("permit", "--vm", VM, "--for", "2h", "--reason", reason)
    assert (done.code, done.error) == (2, 971)
    assert not os.path.exists(host.permits)


@pytest.mark.parametrize(
    "args, problem",
    [
        ([], "--vm, --for, --reason required, or --list"),
        (["--vm", VM], "--for, --reason required"),
        (["--vm", VM, "--for", "2h"], "--reason required"),
        (["--for", "2h", "--reason", "x"], "--vm required"),
        (["--revoke"], "--vm required"),
        (["--list", "--vm", VM], "--list and --vm exclude each other"),
        (["--list", "--revoke"], "--list and --revoke exclude each other"),
        (
            ["--vm", VM, "--revoke", "--for", "2h"],
            "--revoke and --for exclude each other",
        ),
        (
            ["--vm", VM, "--revoke", "--reason", ""],
            "--revoke and --reason exclude each other",
        ),
    ],
)
def test_wrong_usage(host, args, problem):
    done = host.run("permit", *args)
    assert done.code == 2
    (line,) = [x for x in done.err.splitlines() if ": error " in x]
    assert line.endswith(
        f"error 990: Wrong usage of vdsm-backup-domain permit: {problem}"
    )


def test_only_root(host, monkeypatch):
    for number in ("getuid", "geteuid"):
        monkeypatch.setattr(os, number, lambda: 36)
    for args in (MAKE, ("permit", "--vm", VM, "--revoke")):
        done = host.json(*args)
        assert (done.code, done.error) == (1, 9608)
        typed = shlex.join(["--config", host.config, "--json", *args])
        assert done.json["error"]["message"] == (
            f"This needs root: sudo vdsm-backup-domain {typed}"
        )
    assert host.run("permit", "--list").code == 0


# Listing, taking away


@needs_root
def test_list(host):
    third = VM.replace("0ad9", "2ad9")
    host.run(*MAKE)
    write(host.permits, OTHER, permitfile.expired(OTHER))
    path = write(host.permits, third, b"{}")
    done = host.run("permit", "--list")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert [line for line in lines if not line.startswith("    ")] == [
        f"VM {VM}: open",
        f"VM {OTHER}: expired",
        f"VM {third}: unusable",
    ]
    assert lines[-1] == (
        f"    error 9606: The permit of VM {third} lifts nothing: {path}: it"
        " is not as `permit` makes it"
    )
    found = host.json("permit", "--list").json["permits"]
    assert [set(each) for each in found] == [commandline.PERMIT] * 3
    assert [each["state"] for each in found] == ["open", "expired", "unusable"]
    assert found[1]["seconds_left"] == 0
    assert found[2]["error"]["code"] == 9606


def test_list_of_none(host):
    done = host.run("permit", "--list")
    assert done.out == "No VM has a permit on this host.\n"
    assert host.json("permit", "--list").json["permits"] == []


def test_a_list_that_cannot_be_had(host):
    open(host.permits, "w").close()
    assert host.json("permit", "--list").error == 9607


@needs_root
def test_revoke(host):
    host.run(*MAKE)
    done = host.run("permit", "--vm", VM, "--revoke")
    assert (done.code, done.out) == (0, f"VM {VM} no longer has a permit.\n")
    assert permits.find(host.permits, VM) is None
    done = host.json("permit", "--vm", VM, "--revoke")
    assert done.code == 0
    assert (done.json["permit"], done.json["changed"]) == (None, False)


# check


@pytest.fixture
def vm_xml(host, tmp_path):
    sd_id = host.domain(5, name="backups", BACKUP="True")
    path = tmp_path / "vm.xml"
    path.write_text(
        f"<domain><name>web1</name><uuid>{VM}</uuid><devices>"
        f"<disk device='disk'><source file='{host.mount}/{sd_id}/images/i/v'/>"
        "<target dev='vda'/></disk></devices></domain>"
    )
    return str(path)


@needs_root
def test_check_of_a_vm_with_a_permit(host, vm_xml):
    args = ("check", "--operation", "run", "--domxml", vm_xml)
    assert host.run(*args).code == 4
    host.run(*MAKE)
    done = host.json(*args)
    assert (done.code, done.json["allowed"]) == (0, True)
    (refusal,) = done.json["refusals"]
    assert (refusal["code"], refusal["refused"]) == (994, False)
    (note,) = done.json["notes"]
    assert note.startswith("VM web1 is permitted until 20")
    done = host.run(*args)
    assert done.out.startswith(
        "run: allowed ([guard] mode is enforcing)\n"
        "    not refused, the VM has a permit: error 994: VM web1 may start,"
        " though disk vda is on backup domain "
    )
    assert done.err.startswith("note: VM web1 is permitted until")


@needs_root
@pytest.mark.parametrize("operation", ["preview", "format"])
def test_check_of_what_is_of_no_vm(host, vm_xml, operation):
    host.run(*MAKE)
    done = host.json("check", "--operation", operation, "--domxml", vm_xml)
    assert (done.code, done.json["allowed"]) == (4, False)
    assert done.json["notes"] == []


@needs_root
def test_check_of_a_vm_whose_permit_lifts_nothing(host, vm_xml):
    write(host.permits, VM, permitfile.expired(VM))
    args = ("check", "--operation", "run", "--domxml", vm_xml)
    done = host.json(*args)
    assert (done.code, done.json["allowed"]) == (4, False)
    (note,) = done.json["notes"]
    assert note.endswith(": it has expired")


# doctor


def told(host):
    return list(doctor_permits.check(config.load(host.config).permits))


def test_doctor_without_permits(host):
    (found,) = told(host)
    assert (found.check, found.state) == ("permits", doctor_checks.OK)


@needs_root
def test_doctor(host):
    third = VM.replace("0ad9", "2ad9")
    host.run(*MAKE)
    write(host.permits, OTHER, permitfile.expired(OTHER))
    os.chmod(write(host.permits, third, b"{}"), 0o666)
    opened, expired, unusable = told(host)
    states = {each.state for each in (opened, expired, unusable)}
    assert states == {doctor_checks.NOTE}
    assert opened.text.startswith(
        f"VM {VM} may use flagged domains: permitted until 20"
    )
    assert "has expired" in expired.text
    assert "others may write there" in unusable.text
    for each, vm_id in ((opened, VM), (expired, OTHER), (unusable, third)):
        assert f"permit --vm {vm_id} --revoke" in each.hint


def test_doctor_where_they_cannot_be_listed(host):
    open(host.permits, "w").close()
    (found,) = told(host)
    assert found.state == doctor_checks.UNKNOWN
    assert "Not a directory" in found.text


def test_explain_tells_of_permit():
    for cls in (errors.DomainFlagged, errors.FlagUnknown):
        # `explain` prints this.
        assert "`vdsm-backup-domain permit`" in cls.__doc__
