# SPDX-License-Identifier: GPL-2.0-or-later
"""
libvirt's hook in a session, where libguestfs starts the appliance with which
VDSM seals and sparsifies: as user vdsm, who also has VMs that are judged, and
as any other. Where the journal is, and where there is none.
"""

import os
import shutil
import subprocess
import sys

import pytest

from tests.support import rundir
from tests.support.hooks import hookhost, hookrunner, vmxml
from tests.support.hooks.hookhost import (
    assert_allowed,
    assert_line,
    assert_refused,
)
from tests.support.hooks.needs import VDSM, needs_other_user
from tests.support.processes import become as become_module
from tests.support.processes.namespace import (
    Journal,
    Namespace,
    Syslog,
    needs_namespace,
)
from vdsm_backup.host import journal

pytestmark = [needs_other_user, needs_namespace]

OPERATIONS = {"prepare": "run", "migrate": "migrate-in"}


@pytest.fixture(scope="module")
def host():
    with hookhost.reading_as_vdsm() as host:
        yield host


@pytest.fixture(scope="module")
def domain(host):
    domain = host.file_domain(owner=VDSM)
    domain.flag("True")
    return domain


@pytest.fixture
def data(domain):
    return vmxml.vm(domain.disk(), name="guestfs-x", uuid=vmxml.VM)


@pytest.fixture
def ns():
    with Namespace() as ns:
        yield ns


@pytest.fixture
def log(host, ns):
    log = Journal(os.path.join(host.dir, "journal"))
    log.put_into(ns)
    yield log
    log.close()
    shutil.rmtree(log.directory)


@pytest.mark.parametrize("user", [VDSM, (1234, 1234)], ids=str)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_allowed_and_told(host, data, ns, log, operation, user):
    outcome = host.libvirt(
        operation, data, name="guestfs-x", as_user=ns.enter(user)
    )
    assert_allowed(outcome)
    (entry,) = log.entries()
    assert entry == {
        "MESSAGE": "Not judged: VM guestfs-x, in a session of libvirt"
        f" of user {user[0]}",
        "PRIORITY": str(journal.NOTICE),
        "SYSLOG_IDENTIFIER": "vdsm-backup-domain",
        "VDSM_BACKUP_ANSWER": "allowed",
        "VDSM_BACKUP_OPERATION": OPERATIONS[operation],
        "VDSM_BACKUP_VM": "VM guestfs-x",
        "VDSM_BACKUP_VM_ID": vmxml.VM,
    }


def test_told_once_of_each_start(host, data, ns, log):
    """It was told of at "prepare"."""
    assert_allowed(host.libvirt("start", data, as_user=ns.enter(VDSM)))
    assert log.entries() == []
    assert_refused(host.libvirt("start", data, as_user=ns.enter()), 994)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_same_vm_of_root_is_refused(host, data, ns, log, operation):
    outcome = host.libvirt(operation, data, as_user=ns.enter())
    assert_refused(outcome, 994)
    (entry,) = log.entries()
    assert entry["VDSM_BACKUP_ANSWER"] == "refused"


@pytest.mark.parametrize("uids", ["0,36,0", "36,36,0"])
def test_who_can_be_root_again_is_judged(host, data, uids):
    """Who is root in one of three ways may be of the system's libvirt."""
    become = [sys.executable, become_module.__file__, uids]
    outcome = host.libvirt("prepare", data, as_user=become)
    # exec makes the saved one that is effective.
    if uids == "0,36,0":
        assert outcome.refused
    else:
        assert_allowed(outcome)


@pytest.mark.parametrize("uid_map", ["root", "vdsm"])
def test_in_a_user_namespace(host, data, uid_map):
    """Its root may run a system's libvirt there, in a container say."""
    become = ["unshare", "--user"]
    if uid_map == "root":
        become += ["--map-root-user"]
    done = subprocess.run([*become, "true"], capture_output=True)
    if done.returncode:
        pytest.skip(done.stderr.decode())
    outcome = host.libvirt("prepare", data, as_user=[*become, "--"])
    assert outcome.refused is (uid_map == "root")


def test_vdsms_own_hooks_judge_as_ever(host, data, ns, log):
    assert_refused(host.start(data, as_user=ns.enter(VDSM)), 994)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        b"<domain/>",
        b"<domain><uuid>\x1b\xff</uuid></domain>",
        b"<!DOCTYPE x><domain/>",
        b"<domain>" + b"x" * (5 * 1024**2),
    ],
    ids="nothing nonsense empty bytes doctype long".split(),
)
def test_xml_that_nobody_understands(host, ns, log, data):
    outcome = host.libvirt(
        "prepare", data, name="a\x1b\nb", as_user=ns.enter(VDSM)
    )
    assert_allowed(outcome)
    (entry,) = log.entries()
    assert entry["VDSM_BACKUP_VM"] == "VM a\\x1b\\nb"
    assert "VDSM_BACKUP_VM_ID" not in entry


def test_no_journal(host, data, ns):
    assert_allowed(host.libvirt("prepare", data, as_user=ns.enter(VDSM)))


def test_a_journal_that_takes_nothing(host, data, ns, log):
    """Its queue is full, and nobody waits for it."""
    for _ in range(20):
        outcome = host.libvirt("prepare", data, as_user=ns.enter(VDSM))
        assert_allowed(outcome)


def test_a_configuration_that_is_broken(host, data, ns, log):
    """It is not even read: it is about VMs of VDSM."""
    host.guard(mode="maybe")
    try:
        assert_allowed(host.libvirt("prepare", data, as_user=ns.enter(VDSM)))
        root = host.libvirt("prepare", data, as_user=ns.enter())
        assert_refused(root, 987)
    finally:
        host.guard()


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_standard_files_that_are_closed(host, data, ns, log, closed):
    redirect = " ".join(f"{fd}>&-" for fd in closed)
    shell = ["sh", "-c", f'exec "$@" {redirect}', "sh"]
    as_user = [*ns.enter(VDSM), *shell]
    assert_allowed(host.libvirt("prepare", data, as_user=as_user))
    assert len(log.entries()) == 1


def test_a_fault_of_ours(host, data, ns):
    """It is no reason to refuse, and is told by syslog."""
    path = rundir.make("fault")
    text = "import sys\nsys.modules['vdsm_backup.vm.domxml'] = None\n"
    script = os.path.join(host.hooks, "qemu.d", hookrunner.NAME)
    with open(script) as f:
        first, _, rest = f.read().partition("\n")
    hookrunner.add(path, "qemu.d", hookrunner.NAME, f"{first}\n{text}{rest}")
    log = Syslog(path)
    ns.own_dev()
    log.put_into(ns)
    outcome = hookrunner.libvirt(path, "prepare", data, as_user=ns.enter(VDSM))
    assert_allowed(outcome)
    assert "ModuleNotFoundError" in log.lines()[-1][3]
    # Root's is judged, and refused for it.
    root = hookrunner.libvirt(path, "prepare", data, as_user=ns.enter())
    assert root.refused
    assert_line(root.err, 999)
    log.close()
    rundir.remove(path)
