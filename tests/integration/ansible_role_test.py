# SPDX-License-Identifier: GPL-2.0-or-later
"""
The role of contrib/ansible rolls out, stage by stage, and removes: by real
packages on a machine of its own. The newest Ansible tries each promise, and
an old one does the whole once.
"""

import pytest

from tests.support.ansible.managed import BASEURL, DROP_IN, play, role
from tests.support.processes.namespace import needs_namespace

pytest_plugins = [
    "tests.support.packages.packagefixtures",
    "tests.support.ansible.ansiblefixtures",
]
pytestmark = [
    needs_namespace,
    pytest.mark.slow("Ansible takes seconds for a role, dnf for a package"),
]

FROM = {"baseurl": BASEURL, "gpgcheck": False}
INSTALLED = ["vdsm-backup-domain", "-hooks", "-vdsm"]
REPO = "/etc/yum.repos.d/vdsm-backup.repo"

# What a package itself does when it goes.
OF_PACKAGE = "--quiet --no-reload disable vdsm-backup-domain-metrics.timer"

# What a check predicts, and what is then done.
FIRST = ["Know the repository", "Write the configuration"]


class Stages:
    """Two runs: in check mode, and the stages of a roll-out."""

    def __init__(self, host, ansible):
        permissive = play(role(mode="permissive", **FROM))
        host.provide(ansible)
        self.before = host.files()
        would = play(role(mode="permissive", restart_vdsmd=True, **FROM))
        self.checked = host.play(ansible, [would], "--check", "--diff")
        self.after_check = host.files()
        self.called_by_check = host.systemctl()
        enforcing = role(mode="enforcing", restart_vdsmd=True, **FROM)
        done = host.play(ansible, [permissive, permissive, play(enforcing)])
        assert len(done.plays) == 3, str(done)
        self.done = done
        self.called = host.systemctl()
        self.drop_in = host.read(DROP_IN)
        self.packages = host.rpm("-qa").split()
        away = play(role("remove", restart_vdsmd=True))
        self.removed = host.play(ansible, [away, away])
        assert len(self.removed.plays) == 2, str(self.removed)
        self.called_by_removal = host.systemctl()
        self.after_removal = host.files()


@pytest.fixture(scope="module")
def stages(managed_host, newest_ansible):
    return Stages(managed_host, newest_ansible)


def of_site(files):
    """Those that are not Ansible's, dnf's, rpm's or Python's own."""
    own = ("/root/", "/tmp", "/srv/", "/etc/dnf/", "/var/log/")
    own += ("/var/cache", "/var/lib/dnf", "/var/lib/rpm")
    return {
        x for x in files if not x.startswith(own) and "__pycache__" not in x
    }


def test_check_changes_nothing(stages):
    assert stages.checked.code == 0, str(stages.checked)
    assert of_site(stages.after_check) == of_site(stages.before)
    assert stages.called_by_check == []


def test_check_predicts(stages):
    (checked,) = stages.checked.plays
    assert checked.changed == [
        *FIRST,
        "Tell what would be installed",
        "Tell that vdsmd would be restarted",
    ]
    for name in INSTALLED:
        assert name in checked.text
    assert "+mode = permissive\n" in checked.text
    first = stages.done.plays[0]
    assert [x for x in first.changed if not x.startswith("Install")] == FIRST


def test_the_mode_is_there_before_a_hook(stages):
    """A hook without a configuration is enforcing."""
    assert stages.done.code == 0, str(stages.done)
    order = [n for n, r in stages.done.plays[0].tasks if r == "changed"]
    assert order == [
        "Know the repository",
        "Install from a repository",
        "Write the configuration",
        "Install from a repository",
    ]
    assert "[guard] mode is permissive" in stages.done.plays[0].text
    names = [x for x in stages.packages if x.startswith("vdsm-backup-domain")]
    assert len(names) == 4, names


def test_again_nothing_changes(stages):
    again = stages.done.plays[1]
    assert again.changed == [] and again.failed == [], str(again)
    assert again.tasks


def test_from_permissive_to_enforcing(stages):
    """It needs no restart, also where one may be made."""
    assert stages.done.plays[2].changed == ["Write the configuration"]
    assert "[guard]\nmode = enforcing\n" in stages.drop_in
    assert "mode is permissive" not in stages.done.plays[2].text


def test_nothing_is_restarted_by_itself(stages):
    assert stages.called == []
    told = [n for n, _ in stages.done.plays[0].tasks]
    assert told[-1] == "Tell what has to be restarted"
    assert "until vdsmd is restarted" in stages.done.plays[0].text
    for number in (1, 2):
        names = [n for n, _ in stages.done.plays[number].tasks]
        assert "Tell what has to be restarted" not in names


def test_removal(stages):
    assert stages.removed.code == 0, str(stages.removed)
    first, again = stages.removed.plays
    assert first.changed == [
        "Remove the packages",
        "Remove our configuration and the repository",
        "Let systemd read the drop-in of vdsmd",
        "Restart vdsmd",
    ]
    assert again.changed == [], str(again)
    # Which were not empty when the package went.
    left = {"/etc/vdsm-backup", "/etc/vdsm-backup/conf.d"}
    assert of_site(stages.after_removal) - of_site(stages.before) == left
    assert of_site(stages.before) <= of_site(stages.after_removal)
    assert stages.called_by_removal == [
        OF_PACKAGE,
        "daemon-reload",
        "try-restart vdsmd.service",
    ]


def test_an_old_ansible(stages, managed_host, old_ansible):
    """It installs, restarts, and removes, all in one run."""
    # No VDSM is there that would answer.
    restart = {"restart_vdsmd": True, "restart_timeout": 0}
    new = play(role(mode="permissive", **restart, **FROM))
    run = managed_host.play(old_ansible, [new, play(role("remove"))])
    assert run.code == 0, str(run)
    installed, removed = run.plays
    assert installed.changed == [
        *stages.done.plays[0].changed,
        "Let systemd read the drop-in of vdsmd",
        "Restart vdsmd",
    ]
    assert "[guard] mode is permissive" in installed.text
    assert removed.changed == [
        "Remove the packages",
        "Remove our configuration and the repository",
    ]
    assert managed_host.systemctl() == [
        "daemon-reload",
        "try-restart vdsmd.service",
        OF_PACKAGE,
    ]
    assert of_site(managed_host.files()) == of_site(stages.after_removal)
