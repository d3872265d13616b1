# SPDX-License-Identifier: GPL-2.0-or-later
"""
`make install` and `make uninstall` on a machine itself, without rpm: what is
there runs and has its label, and is gone again.
"""

import pytest

from tests import ROOT
from tests.support.processes.namespace import needs_namespace

pytest_plugins = ["tests.support.packages.packagefixtures"]
pytestmark = [
    needs_namespace,
    pytest.mark.slow("all modules are compiled"),
]

GOALS = ("install", "install-engine", "install-ansible")
LABELLED = "/run/labelled"

# SELinux is not here: this keeps the files that would get their label.
RESTORECON = f"""\
#!/bin/sh -e
[ "$1" = -R ]
find "$2" -type f >>{LABELLED}
"""

# systemd makes the user of the bridge.
OF_SYSTEMD = {f"/etc/{x}" for x in ("passwd-", "group-", "shadow", "gshadow")}
OF_SYSTEMD.add("/etc/.pwd.lock")


@pytest.fixture
def machine(scratch_machine):
    scratch_machine.bind(ROOT)
    scratch_machine.put("/usr/sbin/restorecon", RESTORECON)
    scratch_machine.sh("chmod 755 /usr/sbin/restorecon")
    return scratch_machine


def make(machine, *goals):
    return machine.sh(f"make -s -C {ROOT} {' '.join(goals)}").splitlines()


def test_all_of_it(machine):
    before = machine.files()
    assert make(machine, *GOALS) == []
    found = machine.files()
    new = {x for x in found if x not in before} - OF_SYSTEMD
    labelled = set(machine.sh(f"cat {LABELLED}").splitlines())
    files = {path for path in new if found[path][0] == "f"}
    assert files - {LABELLED} == labelled
    assert len(labelled) > 200
    # As the packages have it.
    assert found["/run/vdsm-backup"] == ("d", "755", "36", "36")
    assert found["/var/lib/vdsm-backup/history"] == ("d", "700", "36", "36")
    assert "vdsm-backup-bridge" in machine.sh("cat /etc/passwd")

    done = machine.run("vdsm-backup-domain", "--json", "list")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert make(machine, "uninstall") == [
        "left as it is: /etc/vdsm-backup",
        "left as it is: /var/lib/vdsm-backup",
    ]
    left = {x for x in machine.files() if x not in before} - OF_SYSTEMD
    assert left == {
        LABELLED,
        # Of root's list, until the machine boots.
        *("/run/vdsm-backup", "/run/vdsm-backup/scan"),
        *("/etc/vdsm-backup", "/etc/vdsm-backup/vdsm-backup.conf"),
        *("/etc/vdsm-backup/conf.d", "/etc/vdsm-backup/bridge.conf"),
        "/etc/vdsm-backup/bridge",
        *("/var/lib/vdsm-backup", "/var/lib/vdsm-backup/history"),
    }


def test_a_machine_without_systemd(machine):
    """All is installed, and what is left to do is said."""
    machine.sh("rm /usr/bin/systemd-tmpfiles /usr/bin/systemd-sysusers")
    done = machine.run("make", "-s", "-C", ROOT, *GOALS)
    assert (done.returncode, done.stdout) == (0, "")
    tmpfiles, sysusers = done.stderr.splitlines()
    assert tmpfiles == (
        "there is no systemd-tmpfiles: make what"
        " /usr/lib/tmpfiles.d/vdsm-backup.conf names yourself"
    )
    assert "there is no systemd-sysusers: make what " in sysusers
    assert machine.run("vdsm-backup-domain", "--version").returncode == 0
