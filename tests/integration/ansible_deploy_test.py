# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the role of contrib/ansible refuses, the tasks that an engine includes
when it deploys a host, and packages from files.
"""

import os

import pytest
import yaml

from tests.support.ansible.managed import (
    BASEURL,
    DROP_IN,
    REPO,
    play,
    rescued,
    role,
)
from tests.support.ansible.playbook import CONTRIB
from tests.support.processes.namespace import needs_namespace

pytest_plugins = [
    "tests.support.packages.packagefixtures",
    "tests.support.ansible.ansiblefixtures",
]
pytestmark = [
    needs_namespace,
    pytest.mark.slow("Ansible takes seconds for a role, dnf for a package"),
]

POST_TASKS = "/etc/ovirt-engine/ansible/ovirt-host-deploy-post-tasks.yml"
THREE = [f"vdsm-backup-domain{x}" for x in ("", "-hooks", "-vdsm")]


def post_tasks(**variables):
    """The example, with other variables, as an engine includes it."""
    name = "ovirt-host-deploy-post-tasks.yml"
    with open(os.path.join(CONTRIB, "examples", name)) as f:
        (task,) = yaml.safe_load(f)
    del task["vars"]["vdsm_backup_domain_gpgkey"]
    ours = {"baseurl": BASEURL, "gpgcheck": False, "restart_timeout": 0}
    for key, value in {**ours, **variables}.items():
        task["vars"][f"vdsm_backup_domain_{key}"] = value
    return yaml.safe_dump([task])


def included(path):
    return {"ansible.builtin.include_tasks": path}


class Deployed:
    """One run: it fails, it fails and may, it does what it should."""

    def __init__(self, host, ansible):
        nowhere = "file:///srv/nowhere"
        host.put(POST_TASKS, post_tasks())
        host.put("/srv/required.yml", post_tasks(baseurl=nowhere))
        host.put(
            "/srv/optional.yml",
            post_tasks(source="installed", deploy_required=False),
        )
        self.run = host.play(
            ansible,
            [
                play(rescued(included("/srv/required.yml"))),
                play(included("/srv/optional.yml")),
                play(included(POST_TASKS)),
            ],
        )
        self.called = host.systemctl()
        self.packages = host.rpm("-qa")
        assert len(self.run.plays) == 3, str(self.run)
        self.required, self.optional, self.good = self.run.plays


@pytest.fixture(scope="module")
def deployed(managed_host, newest_ansible):
    return Deployed(managed_host, newest_ansible)


def test_deploying_a_host(deployed):
    assert deployed.run.code == 0, str(deployed.run)
    assert "Restart vdsmd" in deployed.good.changed
    assert deployed.called == ["daemon-reload", "try-restart vdsmd.service"]
    assert deployed.packages.count("vdsm-backup-domain") == 4
    # What it cannot do is said: libvirt finds its hook at its next start.
    assert "libvirt runs as it did before" in deployed.good.text
    assert "VDSM runs as it did before" not in deployed.good.text


def test_a_failure_says_what_to_do(deployed):
    """Before the engine calls the host InstallFailed."""
    text = " ".join(deployed.required.text.split())
    failed = deployed.required.failed
    assert failed[-1] == "Say what has failed, and what to do, and fail"
    for words in (
        'task \\"Install from a repository\\" has failed',
        # Why, in dnf's words.
        "No package vdsm-backup-domain available",
        "InstallFailed. Mend this, then choose Installation, Reinstall",
        "set vdsm_backup_domain_deploy_required to false in",
    ):
        assert words in text, text


def test_a_host_may_be_deployed_without(deployed):
    text = " ".join(deployed.optional.text.split())
    assert deployed.optional.failed == [
        "Refuse to go on without packages that nobody installs"
    ]
    assert deployed.optional.changed == []
    assert "Layer them into the image of the host" in text
    assert "it would start VMs of backup domains. Mend this" in text


# Variables, and what the failure names.
WRONG = [
    ({"mode": "enforced"}, "vdsm_backup_domain_mode must be one of"),
    ({}, "missing required arguments: vdsm_backup_domain_mode"),
    (
        {"mode": "enforcing", "restart": True},
        "has no variable vdsm_backup_domain_restart; it has",
    ),
    (
        {"mode": "enforcing", "options": {"guard": {"mode": "disabled"}}},
        "the mode is vdsm_backup_domain_mode, and not an option",
    ),
    (
        {"mode": "enforcing", "options": {"guard": {"on_unread": "allow"}}},
        "on_unread",
    ),
]


@pytest.fixture(scope="module")
def wrong(managed_host, newest_ansible, deployed):
    """A run with a play for each, on a host that has all packages."""
    before = site(managed_host)
    plays = [play(rescued(role(**variables))) for variables, _ in WRONG]
    run = managed_host.play(newest_ansible, plays)
    assert len(run.plays) == len(WRONG), str(run)
    run.before, run.after = before, site(managed_host)
    return run


def site(host):
    """What is configured on a host."""
    files = {x for x in host.files() if x.startswith("/etc/")}
    return files, host.read(DROP_IN)


def test_a_wrong_variable_changes_nothing(wrong):
    """A hook refuses all VMs where an option is wrong."""
    assert wrong.after == wrong.before


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_wrong_variable_is_named(wrong, number):
    found = wrong.plays[number]
    assert len(found.failed) == 1 and found.changed == [], str(found)
    assert WRONG[number][1] in " ".join(found.text.split()), str(found)


@pytest.fixture(scope="module")
def by_files(managed_host, newest_ansible, wrong):
    """Files where no package is, and what is there then."""
    files = managed_host.sh(f"ls {REPO}/*.rpm").split()
    three = [x for x in files if "-ansible-" not in x]
    assert len(three) == 3
    managed_host.sh(f"rm {DROP_IN}")
    managed_host.rpm("-e", *THREE)
    layered = role(mode="permissive", source="installed")
    given = {"mode": "permissive", "source": "files", "files": three}
    of_files = play(role(gpgcheck=False, **given))
    some = role(**{**given, "files": three[1:]})
    plays = [play(rescued(some)), play(rescued(role(**given)))]
    plays += [of_files, of_files, play(layered)]
    run = managed_host.play(newest_ansible, plays)
    assert len(run.plays) == 5, str(run)
    return run


def test_a_file_that_is_missing_in_the_list(by_files):
    some = by_files.plays[0]
    assert some.failed and some.changed == []
    assert "must have one RPM file for each of" in " ".join(some.text.split())


def test_a_file_without_a_signature(by_files):
    """No repository says that it must have one: the variable does."""
    unsigned = by_files.plays[1]
    assert unsigned.failed == ["Install the copies"]
    assert "is not signed" in unsigned.text


def test_packages_from_files(by_files, managed_host):
    (_, _, first, again, layered) = by_files.plays
    assert by_files.code == 0, str(by_files)
    order = [n for n, r in first.tasks if r == "changed"]
    assert order.count("Install the copies") == 2
    assert order.index("Write the configuration") > order.index(
        "Install the copies"
    )
    assert again.changed == [] and layered.changed == []
    assert managed_host.rpm("-qa").count("vdsm-backup-domain") == 4
    assert "/run/vdsm-backup-domain-packages" not in managed_host.files()
