# SPDX-License-Identifier: GPL-2.0-or-later
"""What [guard] lets go on, and that the journal of the host has it."""

import pytest

from tests.support.hooks import vmxml
from tests.support.hooks.hookhost import (
    assert_allowed,
    assert_line,
    assert_refused,
)
from tests.support.hooks.vmxml import VM
from tests.support.processes.namespace import needs_namespace
from vdsm_backup.guard import policy
from vdsm_backup.host import journal

pytest_plugins = [
    "tests.support.hooks.hookfixtures",
    "tests.support.hooks.journalfixtures",
]
pytestmark = needs_namespace

HINT = "copy or move the disk to another domain and use it there"
PERMIT = (
    "; if it must not wait, for this VM and for a time, on the host that is to"
    f" run it: vdsm-backup-domain permit --vm {VM} --for 2h --reason TEXT"
)


@pytest.fixture(params=["enforcing", "permissive", "disabled"])
def mode(request):
    return request.param


def test_modes(guarded_host, domain, logged, mode):
    guarded_host.guard(mode=mode)
    domain.flag("True")
    outcome = guarded_host.start(vmxml.vm(domain.disk()))
    (entry,) = logged()
    if mode == "enforcing":
        assert_refused(outcome, 994)
        answer = "refused"
    else:
        answer = "allowed"
        assert (outcome.refused, outcome.code, outcome.err) == (False, 0, "")
    words = {
        "enforcing": "Refused: VM web1 cannot start: disk",
        "permissive": "Would be refused (mode is permissive): VM web1 may"
        " start, though disk",
        "disabled": "Not refused ([guard] mode is disabled): VM web1 may"
        " start, though disk",
    }[mode]
    assert entry == {
        "MESSAGE": (
            f"{words} vda is on backup domain {domain.name}, set"
            " 2026-11-22T11:40:00Z by admin@host1: nightly copies of site A"
        ),
        "PRIORITY": str(journal.WARNING),
        "SYSLOG_IDENTIFIER": "vdsm-backup-domain",
        "VDSM_BACKUP_CODE": "994",
        "VDSM_BACKUP_ANSWER": answer,
        "VDSM_BACKUP_MODE": mode,
        "VDSM_BACKUP_OPERATION": "run",
        "VDSM_BACKUP_VM": "VM web1",
        "VDSM_BACKUP_VM_ID": VM,
        "VDSM_BACKUP_DOMAIN": domain.sd_id,
        "VDSM_BACKUP_DISK": "disk vda",
        # Where nothing is refused, there is nothing to permit.
        "VDSM_BACKUP_HINT": HINT + (PERMIT if mode == "enforcing" else ""),
    }


def test_nothing_to_say_is_nothing_in_the_journal(
    guarded_host, domain, logged, mode
):
    guarded_host.guard(mode=mode)
    domain.flag("False")
    assert_allowed(guarded_host.start(vmxml.vm(domain.disk())))
    assert logged() == []


@pytest.mark.parametrize("answer", policy.ON_UNREADABLE)
def test_unreadable(guarded_host, domain, logged, answer):
    guarded_host.guard(on_unreadable=answer)
    domain.flag("Maybe")
    outcome = guarded_host.start(vmxml.vm(domain.disk()))
    (entry,) = logged()
    assert entry["VDSM_BACKUP_CODE"] == "995"
    assert entry["VDSM_BACKUP_DOMAIN"] == domain.sd_id
    if answer == "refuse":
        assert_refused(outcome, 995)
        assert outcome.err.startswith(
            "VM web1 cannot start, not because it is flagged: cannot read the"
            f" flag of domain {domain.name}, disk vda: "
        )
        assert entry["VDSM_BACKUP_ANSWER"] == "refused"
    else:
        assert not outcome.refused
        assert entry["VDSM_BACKUP_ANSWER"] == "allowed"
        assert entry["MESSAGE"].startswith(
            "Not refused ([guard] on_unreadable is allow): VM web1 may start,"
            " though disk vda is on domain"
        )


def test_allowing_the_unreadable_allows_no_flagged_domain(
    guarded_host, domain
):
    guarded_host.guard(on_unreadable="allow")
    domain.flag("True")
    assert_refused(guarded_host.start(vmxml.vm(domain.disk())), 994)


def test_allow_is_no_option_any_more(guarded_host, domain, logged):
    """It lifts nothing, and breaks nothing where it is still set."""
    guarded_host.guard(
        guard_allow="migrate-in, hotplug, what was never an operation"
    )
    domain.flag("True")
    data = vmxml.vm(domain.disk())
    for outcome in (
        guarded_host.start(data),
        guarded_host.libvirt("migrate", data),
        guarded_host.vdsm("before_vm_migrate_destination", data),
        guarded_host.vdsm("before_disk_hotplug", domain.disk().encode()),
    ):
        assert_refused(outcome, 994)
    domain.flag("False")
    assert_allowed(guarded_host.start(data))


def test_two_domains_are_two_entries(guarded_host, domain, nfs, logged):
    domain.flag("True")
    nfs.flag("Maybe")
    disks = [nfs.disk(target="vda"), domain.disk(target="vdb")]
    assert_refused(guarded_host.start(vmxml.vm(*disks)), 994)
    found = {
        e["VDSM_BACKUP_DOMAIN"]: (
            e["VDSM_BACKUP_CODE"],
            e["VDSM_BACKUP_DISK"],
            e["VDSM_BACKUP_ANSWER"],
        )
        for e in logged()
    }
    assert found == {
        domain.sd_id: ("994", "disk vdb", "refused"),
        nfs.sd_id: ("995", "disk vda", "refused"),
    }


@pytest.mark.parametrize(
    "mode, on_unreadable, refused",
    [
        ("enforcing", "refuse", True),
        ("enforcing", "allow", False),
        ("permissive", "refuse", False),
        ("disabled", "refuse", False),
    ],
)
def test_xml_that_is_broken(
    guarded_host, logged, mode, on_unreadable, refused
):
    guarded_host.guard(mode=mode, on_unreadable=on_unreadable)
    outcome = guarded_host.start(b"<domain>")
    assert outcome.refused == refused
    if refused:
        assert_line(outcome.err, 996)
    else:
        assert outcome.err == ""
    (entry,) = logged()
    assert entry["PRIORITY"] == str(journal.ERR)
    assert entry["VDSM_BACKUP_CODE"] == "996"
    assert entry["VDSM_BACKUP_ANSWER"] == ("refused" if refused else "allowed")
    assert "VDSM_BACKUP_TRACE" not in entry


@pytest.mark.parametrize("mode", ["enforcing", "permissive"])
def test_a_fault_of_ours_has_its_trace_in_the_journal(
    guarded_host, logged, mode
):
    """A host whose kernel tells of mounts in words that nobody knows."""
    guarded_host.guard(mode=mode)
    script = (
        "mount -t tmpfs tmpfs /proc && mkdir /proc/self"
        " && echo unknown > /proc/self/mountinfo"
        ' && exec "$@"'
    )
    odd = ["unshare", "--mount", "sh", "-c", script, "sh"]
    outcome = guarded_host.libvirt(
        "prepare", vmxml.vm(), as_user=[*guarded_host.as_user, *odd]
    )
    assert outcome.refused == (mode == "enforcing")
    if outcome.refused:
        assert_line(outcome.err, 999)
    else:
        assert outcome.err == ""
    (entry,) = logged()
    answer = "refused" if outcome.refused else "allowed"
    assert entry["VDSM_BACKUP_ANSWER"] == answer
    assert entry["VDSM_BACKUP_TRACE"].startswith("Traceback ")
    assert "\nValueError: " in entry["VDSM_BACKUP_TRACE"]
