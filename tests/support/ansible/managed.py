# SPDX-License-Identifier: GPL-2.0-or-later
"""
A host that Ansible manages: a machine of the tests of packages, on which a
real dnf installs real packages from a repository, and Ansible runs on the
machine itself, with the role and the module from their package. systemctl is a
stand-in that keeps its arguments: no systemd runs there.
"""

import os
import subprocess
import sys

import yaml

from tests.support.ansible.playbook import ENVIRONMENT, Run
from tests.support.packages.machine import Machine

REPO = "/srv/vdsm-backup"
BASEURL = f"file://{REPO}"
DROP_IN = "/etc/vdsm-backup/conf.d/50-ansible.conf"
REPO_FILE = "/etc/yum.repos.d/vdsm-backup.repo"
_CALLS = "/var/log/systemctl"
_PLAYS = "/srv/plays"

# What our packages require and no registry of this machine has.
_STAND_IN = """
Name: stand-in
Version: 1
Release: 1
Summary: What a host of oVirt has
License: none
BuildArch: noarch
Provides: vdsm = 4.50.5.1
Provides: lvm2
Provides: sanlock
Provides: python(abi) = {python}
Provides: /usr/bin/python3
Provides: /bin/sh
%description
.
%files
"""


def stand_in(directory):
    """The package, made in this directory."""
    spec = os.path.join(directory, "stand-in.spec")
    with open(spec, "w") as f:
        # The packages of these tests are those of this machine's Python.
        f.write(_STAND_IN.format(python="%d.%d" % sys.version_info[:2]))
    subprocess.run(
        ["rpmbuild", "-bb", "--define", f"_topdir {directory}", spec],
        check=True,
        capture_output=True,
    )
    return os.path.join(directory, "RPMS", "noarch", "stand-in-1-1.noarch.rpm")


class Managed(Machine):
    """packages: those that the repository has, Ansible's among them."""

    def __init__(self, packages, directory):
        super().__init__()
        self._bound = set()
        try:
            self._prepare(packages, directory)
        except BaseException:
            self.close()
            raise

    def _prepare(self, packages, directory):
        self.put("/etc/rpm/macros", "%_dbpath /var/lib/rpm\n")
        self.put("/etc/dnf/dnf.conf", "[main]\nplugins=0\n")
        # By this Ansible knows which package manager a host has.
        self.put("/etc/os-release", 'ID="centos"\nVERSION_ID="9"\n')
        self.put("/etc/redhat-release", "CentOS Stream release 9\n")
        self.put("/usr/bin/systemctl", f'#!/bin/sh\necho "$*" >>{_CALLS}\n')
        # And by this, which is a package of its own that nothing here runs.
        self.sh("touch /usr/bin/dnf")
        self.sh(f"mkdir -p /etc/yum.repos.d /var/log; >{_CALLS}")
        for path in packages:
            self.copy(path, REPO)
        self.sh(f"createrepo_c -q {REPO}")
        (ours,) = [path for path in packages if "-ansible-" in path]
        self.rpm("-i", stand_in(directory), ours)

    def provide(self, ansible):
        """Put it there; play() does so if it is not."""
        for path in ansible.directories():
            if path not in self._bound:
                self.bind(path)
                self._bound.add(path)

    def play(self, ansible, plays, *options):
        """Run a playbook there: a Run. plays: as they are in its file."""
        self.provide(ansible)
        self.put(f"{_PLAYS}/play.yml", yaml.safe_dump(plays, sort_keys=False))
        command = ansible.command(
            "ansible-playbook",
            *("-i", "localhost,", "-c", "local", "play.yml"),
            *options,
        )
        settings = [f"{k}={v}" for k, v in ENVIRONMENT.items()]
        script = f'cd {_PLAYS}; exec "$@"'
        return Run(
            self.run("env", *settings, "sh", "-euc", script, "sh", *command)
        )

    def systemctl(self):
        """What it was called with since the last time."""
        return self.sh(f"cat {_CALLS}; >{_CALLS}").splitlines()

    def read(self, path):
        return self.sh(f"cat {path}")


def role(tasks_from="main", **variables):
    """A task with the role; a variable is named without its prefix."""
    return {
        "name": "The role",
        "ansible.builtin.include_role": {
            "name": "vdsm_backup_domain",
            "tasks_from": tasks_from,
        },
        "vars": {f"vdsm_backup_domain_{k}": v for k, v in variables.items()},
    }


def rescued(task):
    """The task fails, and the play goes on."""
    told = {"ansible.builtin.debug": {"msg": "it has failed"}}
    return {"block": [task], "rescue": [told]}


def play(*tasks):
    return {
        "hosts": "all",
        "gather_facts": False,
        # As an engine says it of its hosts.
        "vars": {"ansible_python_interpreter": "/usr/bin/python3"},
        "tasks": [*tasks],
    }
