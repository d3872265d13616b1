# SPDX-License-Identifier: GPL-2.0-or-later
"""
The role of contrib/ansible: it rolls out, stage by stage, refuses what is
wrong, deploys a host for an engine, and removes. By real packages on a machine
of its own; rollout.py says what is done there.
"""

import os
import re

import pytest

from tests.support.ansible.keys import AGENT, OF_THE_ENGINE
from tests.support.ansible.managed import DROP_IN, REPO_FILE
from tests.support.ansible.rollout import (
    EARLY,
    LATE,
    SITE_DROP_IN,
    WRONG,
    Rollout,
)
from tests.support.processes.namespace import needs_namespace

pytest_plugins = [
    "tests.support.packages.packagefixtures",
    "tests.support.ansible.ansiblefixtures",
]
pytestmark = [
    needs_namespace,
    pytest.mark.slow("Ansible takes seconds for a role, dnf for a package"),
]

PACKAGES = [f"vdsm-backup-domain{x}" for x in ("", "-hooks", "-vdsm")]

# What a package itself does when it goes.
OF_PACKAGE = "--quiet --no-reload disable vdsm-backup-domain-metrics.timer"
RESTARTED = ["daemon-reload", "try-restart vdsmd.service"]
RESTART = ["Let systemd read the drop-in of vdsmd", "Restart vdsmd"]
LET_IN = "Let the bridges in"


# A fixture for each run, in their order: all of them in one would be much for
# the time of one test, where the machine has other things to do.


@pytest.fixture(scope="module")
def newer(next_source_tree):
    return next_source_tree.build("debian")[: len(PACKAGES)]


@pytest.fixture(scope="module")
def rollout(managed_host, newest_ansible, old_ansible, newer):
    return Rollout(managed_host, newest_ansible, old_ansible, newer)


@pytest.fixture(scope="module")
def checked(rollout):
    return rollout.check()


@pytest.fixture(scope="module")
def refused(rollout, checked):
    return rollout.refuse()


@pytest.fixture(scope="module")
def deployed(rollout, refused):
    return rollout.deploy()


@pytest.fixture(scope="module")
def changed(rollout, deployed):
    return rollout.change()


@pytest.fixture(scope="module")
def predicted(rollout, changed):
    return rollout.predict()


@pytest.fixture(scope="module")
def removed(rollout, predicted):
    return rollout.remove()


@pytest.fixture(scope="module")
def served(rollout, removed):
    return rollout.serve()


@pytest.fixture(scope="module")
def upgraded(rollout, served):
    return rollout.upgrade()


@pytest.fixture(scope="module")
def downgraded(rollout, upgraded):
    return rollout.downgrade()


def text_of(found):
    """What was printed, in one line."""
    return " ".join(found.text.split())


def order_of(found):
    """What has changed something, also twice."""
    return [name for name, result in found.tasks if result == "changed"]


def installing(files):
    """What changes something when so many packages are installed by files."""
    return [
        "Make a directory for their copies",
        *["Copy them"] * files,
        "Install the copies",
        "Remove the copies",
    ]


def of_site(files):
    """Those that are not Ansible's, dnf's, rpm's or Python's own."""
    own = ("/root/", "/tmp", "/srv/", "/etc/dnf/", "/var/log/")
    own += ("/var/cache", "/var/lib/dnf", "/var/lib/rpm")
    return {
        x for x in files if not x.startswith(own) and "__pycache__" not in x
    }


def test_check_changes_nothing(rollout, checked):
    assert of_site(checked.files) == of_site(rollout.before)
    assert checked.called == []


def test_check_predicts(checked):
    found = checked["roll out"]
    assert found.changed == [
        "Know the repository",
        "Write the configuration",
        "Tell what would be installed",
    ]
    (told,) = re.findall('"msg": "(vdsm-backup-domain.*)"', found.text)
    assert set(told.split(", ")) == set(PACKAGES)
    assert "+mode = permissive\n" in found.text
    restart = checked["restart"].changed
    assert restart == ["Tell that vdsmd would be restarted"]
    # Nothing is there to be removed, and vdsmd is not restarted for it.
    assert checked["remove"].changed == []


def test_nothing_is_restarted_by_itself(checked):
    """What has to be is told where packages change."""
    found = checked["roll out"]
    assert "Tell that vdsmd would be restarted" not in found.changed
    assert "VDSM runs as it did before until vdsmd is restarted" in found.text


def test_a_failure_of_a_deployment_says_what_to_do(refused):
    """Before the engine calls the host InstallFailed."""
    found = refused["required"]
    assert found.failed == [
        "Install from a repository",
        "Say what has failed, and what to do, and fail",
    ]
    for words in (
        # Why, in dnf's words: the repository is not signed, and has to be.
        'task \\"Install from a repository\\" has failed (Failed to install'
        " some of the specified packages:"
        " No package vdsm-backup-domain available",
        "InstallFailed. Mend this, then choose Installation, Reinstall",
        "set vdsm_backup_domain_deploy_required to false in",
    ):
        assert words in text_of(found), found


def test_a_host_may_be_deployed_without(refused):
    found = refused["optional"]
    assert found.failed == [
        "Refuse to go on without packages that nobody installs"
    ]
    assert found.changed == []
    assert "Layer them into the image of the host" in text_of(found)
    assert "it would start VMs of backup domains. Mend this" in text_of(found)


def test_a_file_that_is_missing_in_the_list(refused):
    found = refused["incomplete"]
    assert found.failed == ["Refuse an incomplete list of files"]
    assert found.changed == []
    assert "must have one RPM file for each of" in text_of(found)


def test_a_file_without_a_signature(refused):
    """No repository says that it must have one: the variable does."""
    found = refused["unsigned"]
    assert found.failed == ["Install the copies"]
    assert "is not signed" in found.text


def line(bridge):
    """As sshd reads it."""
    command = f'command="{AGENT} --name {bridge["name"]}"'
    return f"restrict,{command} {bridge['key']}"


def test_a_bridge_where_no_agent_is(refused):
    """It is let in, since the agent may come."""
    found = refused["no agent"]
    assert found.failed == ["Refuse a host without the agent"]
    assert "vdsm-backup-domain-vdsm" in found.text
    assert LET_IN in found.changed
    assert refused.keys == [OF_THE_ENGINE, line(EARLY)]


def test_the_mode_is_there_before_a_hook(deployed):
    """A hook without a configuration is enforcing."""
    found = deployed["deploy"]
    assert order_of(found) == [
        *installing(1),
        "Write the configuration",
        *installing(3),
        *RESTART,
    ]
    # doctor is asked, and says so.
    assert "[guard] mode is permissive" in found.text
    names = [x for x in deployed.packages if x.startswith(PACKAGES[0])]
    # And that of Ansible.
    assert len(names) == 4, names
    assert "/run/vdsm-backup-domain-packages" not in deployed.files


def test_deploying_a_host_restarts_vdsmd(deployed):
    assert deployed.called == RESTARTED
    # What it cannot do is said: libvirt finds its hook at its next start.
    found = deployed["deploy"]
    assert "libvirt runs as it did before" in found.text
    assert "VDSM runs as it did before" not in found.text


def test_doctor_is_asked_until_vdsm_answers(deployed):
    """Or for some seconds, as long as a VDSM takes to start."""
    found = deployed["deploy"]
    assert "RETRYING: " in found.text
    assert "unknown: plugin: " in found.text
    # Nothing was restarted then.
    assert "RETRYING: " not in deployed["again"].text


def test_again_nothing_changes(deployed):
    found = deployed["again"]
    assert found.failed == [] and found.changed == [], str(found)
    assert "Show what doctor has found" in found.names("ok")
    assert "Tell what has to be restarted" not in found.names("ok")


def test_from_permissive_to_enforcing(changed):
    """It needs no restart, also where one may be made."""
    found = changed["enforcing"]
    assert found.changed == ["Write the configuration", LET_IN]
    for line in ("-mode = permissive", "+mode = enforcing", "+[storage]"):
        assert f"\n{line}\n" in found.text
    assert "mode is permissive" not in found.text
    assert changed.called == []


def test_the_whole_role_lets_bridges_in(changed):
    assert changed.keys == [OF_THE_ENGINE, line(EARLY), line(LATE)]


def test_a_host_that_has_to_be_protected(changed):
    """No VDSM runs there."""
    found = changed["enforcing"]
    assert found.failed == ["Refuse a host that is not protected"]
    assert "the host is not protected: unknown: plugin" in text_of(found)


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_wrong_variable_is_named(changed, number):
    """A hook refuses all VMs where an option is wrong: nothing is changed."""
    found = changed[f"wrong {number}"]
    assert len(found.failed) == 1 and found.changed == [], str(found)
    assert WRONG[number][1] in text_of(found), str(found)


def test_a_mode_that_another_file_decides(changed):
    found = changed["another file"]
    assert found.changed == ["Write the configuration"]
    assert found.failed == ["Refuse a mode that another file decides"]
    words = "is permissive, but /etc/vdsm-backup/conf.d/60-site.conf of the"
    assert words in text_of(found)
    assert "is read later and says enforcing" in text_of(found)


def test_configuration_and_repository(changed):
    """As the last plays have written them."""
    assert changed.written[DROP_IN].splitlines()[1:] == [
        *("", "[guard]", "mode = permissive"),
    ]
    assert changed.written[REPO_FILE].splitlines() == [
        "[vdsm-backup]",
        "baseurl = file:///srv/vdsm-backup",
        "gpgcheck = 1",
        "gpgkey = file:///srv/key",
        "name = vdsm-backup-domain",
        "repo_gpgcheck = 1",
        "skip_if_unavailable = 1",
        "",
    ]
    for path in (DROP_IN, REPO_FILE):
        assert changed.files[path] == ("f", "644", "0", "0")


def test_check_predicts_on_a_host_that_has_all(rollout, changed, predicted):
    found = predicted["upgrade"]
    assert found.changed == [
        "Write the configuration",
        "Tell what would be installed",
    ]
    for path in rollout.newer:
        assert os.path.basename(path)[: -len(".rpm")] in text_of(found)
    assert predicted["remove"].changed == [
        "Remove the keys of all bridges",
        "Remove the packages",
        "Remove our configuration and the repository",
        "Tell that vdsmd would be restarted",
    ]
    assert predicted.packages == changed.packages
    assert predicted.written == changed.written
    assert predicted.keys == changed.keys
    assert predicted.called == []


def test_removal(rollout, removed):
    assert removed["remove"].changed == [
        "Remove the keys of all bridges",
        "Remove the packages",
        "Remove our configuration and the repository",
        *RESTART,
    ]
    assert removed.called == [OF_PACKAGE, *RESTARTED]
    assert removed.keys == [OF_THE_ENGINE]
    assert "libvirt runs as it did before" in removed["remove"].text
    # Other configuration stays.
    left = {"/etc/vdsm-backup", "/etc/vdsm-backup/conf.d", SITE_DROP_IN}
    assert of_site(removed.files) - of_site(rollout.before) == left
    assert of_site(rollout.before) <= of_site(removed.files)


def versions(found):
    """Of the packages for hosts, by their names."""
    pattern = re.compile(r"(vdsm-backup-domain(?:-hooks|-vdsm)?)-(\d.*)-1\.")
    matches = filter(None, map(pattern.match, found.packages))
    return {x[1]: x[2] for x in matches}


def test_from_the_repository(served, source_tree):
    """The command alone first, then the configuration, then the hooks."""
    found = served["install"]
    assert found.failed == [], str(found)
    assert order_of(found) == [
        "Know the repository",
        "Install from a repository",
        "Write the configuration",
        "Install from a repository",
    ]
    assert versions(served) == dict.fromkeys(PACKAGES, source_tree.version)


def test_an_installed_package_is_replaced_by_files_only(
    upgraded, next_source_tree
):
    """Not by a repository, whatever that has."""
    assert order_of(upgraded["upgrade"]) == [*installing(3), *RESTART]
    assert upgraded["repository"].changed == []
    assert upgraded.called == RESTARTED
    assert versions(upgraded) == dict.fromkeys(
        PACKAGES, next_source_tree.version
    )


def test_files_may_have_an_older_version(downgraded, source_tree):
    """Else each run would find that another one is wanted."""
    assert order_of(downgraded["downgrade"]) == installing(3)
    assert downgraded["again"].changed == []
    assert versions(downgraded) == dict.fromkeys(PACKAGES, source_tree.version)
