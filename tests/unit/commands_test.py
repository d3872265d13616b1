# SPDX-License-Identifier: GPL-2.0-or-later
"""
Each command of the pages is run by a test, or is here with the reason why no
test can. Those of the product itself are run by
tests/integration/page_commands_test.py, those of the tutorial by
tutorial_test.py, and those of runbooks by runbooks_test.py.
"""

import os
import re
import shlex

import pytest

from tests import ROOT
from tests.support import pagecommands
from vdsm_backup import errors
from vdsm_backup.cli import commands, parser

# A command, and the test that runs it or what it calls.
TESTED = {
    r"make demo": "integration/demo_test.py",
    r"make demo-shell": "integration/tutorial_test.py",
    r"make (install|uninstall)": "integration/install_files_test.py",
    r"make install-hooks": "integration/install_files_test.py",
    r"make (rpm DIST=.*|repo)": "integration/packages_repo_test.py",
    r"contrib/make-repo .*": "integration/packages_repo_test.py",
    r"grep .*_SHA_CKSUM.*": "unit/docs_test.py",
    r"(pvs|ls dom_md|sanlock direct dump) ?.*": (
        "integration/docs_commands_test.py"
    ),
    r"journalctl --system .*": "integration/audit_test.py",
    r"gluster volume set VOLUME .* off": "e2e/cluster/rename_test.py",
    r"promtool check metrics .*": "integration/metrics_test.py",
    r"promtool .* vdsm-backup-alerts.*": "integration/monitoring_test.py",
    r"(collectd -T|sos report)": "integration/monitoring_test.py",
    r"ansible-playbook .* bridge.yml .*": (
        "integration/ansible_bridge_engine_test.py"
    ),
    r"ansible-playbook (?!.* bridge.yml).*": (
        "integration/ansible_role_test.py"
    ),
    r"vdsm-backup-domain-bridge .*": "integration/bridge_command_test.py",
    r"printf 'restrict,command=.*": "unit/bridge/first_page_test.py",
    r"install -m 440 /usr/share/doc/.*/vdsm-backup-bridge .*": (
        "integration/bridge_sudo_test.py"
    ),
    r"cp /usr/share/doc/.*/examples/bridge.yml \.": (
        "integration/packages_test.py"
    ),
    r"\.venv/bin/python -m pytest -rs tests/engine": (
        "integration/engine_tests_test.py"
    ),
    r"systemctl start vdsm-backup-domain-metrics.service": (
        "integration/metrics_unit_test.py"
    ),
}

# Runs tests itself.
_OF_TESTS = "a test that ran it would run all tests again"
_HOST = "wants a host of EL, or its daemons"
_SITE = "wants the site's key, or its web server"

UNTESTED = {
    r"make (check|e2e|soak)( .*)?": _OF_TESTS,
    r"make e2e-shell.*": "is for a person at a terminal",
    r"VDSM_BACKUP_LUNS=.* -m pytest .*": _OF_TESTS,
    r"git clone .*|cd .*": "wants the network",
    r"dnf (install|remove) .*": _HOST,
    r"systemctl (daemon-reload|restart .*|enable --now .*)": _HOST,
    r"systemctl (is-active|show) .*": _HOST,
    r"(ps -eZ|ausearch|ls -Zd?|getsebool) .*|getenforce": _HOST,
    r"virsh (-r .*|create vm.xml)|vdsm-client .*": _HOST,
    r"cat /etc/redhat-release; rpm .*|ls /var/imgbased/.*": _HOST,
    r"journalctl -t vdsm-backup-domain .*": "shows what is there",
    r"(curl|ovirt-aaa-jdbc-tool) .*": "wants an engine",
    r"(vi|visudo -f|install -m 600 /dev/stdin|ansible-vault create) .*": (
        "is for a person at a terminal"
    ),
    r"ssh-keygen .* /etc/vdsm-backup/.*": "makes a key of the machine's own",
    r"journalctl -u vdsm-backup-domain-bridge .*": "shows what is there",
    r"mkdir -p ~/bridge": "makes a directory of another one",
    r"for host in .*": "wants the hosts of a site",
    r"(mkdir -p|mount -o ro .*|umount) /mnt/look": "wants a file server",
    r"mkdir -p /var/lib/node_exporter/.*": "makes a directory of another one",
    r"(rpmsign|gpg|rsync) .*": _SITE,
    r"virsh dumpxml VM >vm.xml": "wants a VM; what it prints is data of tests",
    r"LIBGUESTFS_BACKEND=direct virt-sparsify .*": "wants a guest",
    r"journalctl SYSLOG_IDENTIFIER=\S+ (-o verbose|VDSM_BACKUP_BRIDGE=.*)": (
        "shows what is there"
    ),
}

ALL = sorted(
    {
        (page, command)
        for page in pagecommands.PAGES
        for command in pagecommands.typed(page)
    }
)


def entries(command):
    known = (*TESTED, *UNTESTED)
    return [entry for entry in known if re.fullmatch(entry, command)]


@pytest.mark.parametrize("page, command", ALL)
def test_each_command_is_tested_or_says_why_not(page, command):
    if command.startswith(f"{parser.PROGRAM} "):
        assert entries(command) == []
    else:
        assert len(entries(command)) == 1, command


def test_each_entry_is_of_a_command():
    used = {entry for _, command in ALL for entry in entries(command)}
    assert {*TESTED, *UNTESTED} - used == set()


def test_the_tests_are_there():
    for path in TESTED.values():
        assert os.path.exists(os.path.join(ROOT, "tests", path)), path


def test_make_has_the_goals_of_the_pages():
    makefile = pagecommands.read("Makefile")
    goals = set()
    for line in re.findall(r"(?m)^([a-z][\w -]*):(?!=)", makefile):
        goals |= set(line.split())
    pages = [*pagecommands.PAGES, "CONTRIBUTING.md"]
    named = {
        goal
        for page in pages
        for goal in re.findall(
            r"(?:^ {4,}|`)make ([a-z][\w-]*)", pagecommands.read(page), re.M
        )
    }
    assert "demo" in named
    assert named - goals == set()


def test_pytest_is_given_files_that_are_there():
    pages = [*pagecommands.PAGES, "CONTRIBUTING.md"]
    text = " ".join(map(pagecommands.read, pages))
    # A word in capitals stands for a name.
    paths = re.findall(r"\btests/[a-z0-9_/.]*\w(?=[^\w/*.]|\.\s)", text)
    assert paths
    for path in paths:
        assert os.path.exists(os.path.join(ROOT, path)), path


OURS = sorted(
    {
        (page, command)
        for page in pagecommands.PAGES
        for command in (*pagecommands.typed(page), *pagecommands.said(page))
        if command.startswith(f"{parser.PROGRAM} ")
    }
)


@pytest.mark.parametrize("page, command", OURS)
def test_the_command_line_knows_it(page, command):
    words = shlex.split(pagecommands.filled(command).partition(" >")[0])[1:]
    names = [its.name for its in commands.COMMANDS]
    if len(words) == 1 and words[0] in names:
        # Only its name; what it takes was not to be told.
        return
    try:
        parser.parse(words, 80)
    except parser.TextRequested:
        pass
    except errors.WrongUsage as e:
        pytest.fail(str(e))
