# SPDX-License-Identifier: GPL-2.0-or-later
"""What ansible-lint and ansible-doc say of contrib/ansible."""

import os
import shutil
import subprocess

import pytest

from tests.support.ansible.playbook import CONTRIB, ENVIRONMENT

pytest_plugins = ["tests.support.ansible.ansiblefixtures"]
pytestmark = pytest.mark.slow("ansible-lint takes seconds")


def run(ansible, directory, name, *args):
    # It starts other commands of Ansible by their names.
    path = f"{ansible.scripts}:{os.environ['PATH']}"
    return subprocess.run(
        ansible.command(name, *args),
        cwd=directory,
        env={**os.environ, **ENVIRONMENT, "PATH": path},
        capture_output=True,
        text=True,
    )


def test_ansible_lint_says_nothing_but_of_what_is_wrong(
    newest_ansible, tmp_path
):
    """
    One run, since it takes seconds: one task is wrong, which shows that the
    role and all rules are looked at, and nothing else may be found.
    """
    # Not in a tree of git, which would be the project.
    copied = shutil.copytree(CONTRIB, tmp_path / "contrib")
    tasks = copied / "roles" / "vdsm_backup_domain" / "tasks" / "restart.yml"
    text = tasks.read_text()
    wrong = text.replace("name: Restart vdsmd", "name: restart vdsmd")
    assert wrong != text
    tasks.write_text(wrong)
    done = run(
        newest_ansible,
        copied,
        "ansible-lint",
        *("--offline", "--profile", "production", "--nocolor", "--strict"),
        *("--format", "pep8"),
    )
    found = done.stdout.splitlines()
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(found) == 1, done.stdout + done.stderr
    assert "restart.yml" in found[0]
    assert "name[casing]" in found[0]


def test_documentation_of_the_module(newest_ansible):
    done = run(
        newest_ansible, CONTRIB, "ansible-doc", "--json", "vdsm_backup_domain"
    )
    assert done.returncode == 0, done
    assert '"check_mode"' in done.stdout
