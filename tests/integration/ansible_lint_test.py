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


def lint(ansible, directory):
    return run(
        ansible,
        directory,
        "ansible-lint",
        *("--offline", "--profile", "production", "--nocolor", "--strict"),
    )


@pytest.fixture
def copied(tmp_path):
    """Not in a tree of git, which would be the project."""
    shutil.copytree(CONTRIB, tmp_path / "contrib")
    return tmp_path / "contrib"


def test_ansible_lint_has_nothing_to_say(newest_ansible, copied):
    done = lint(newest_ansible, copied)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed: 0 failure(s), 0 warning(s)" in done.stderr + done.stdout


def test_ansible_lint_reads_the_tasks_of_the_role(newest_ansible, copied):
    tasks = copied / "roles" / "vdsm_backup_domain" / "tasks" / "restart.yml"
    text = tasks.read_text()
    wrong = text.replace(" # noqa: command-instead-of-module", "")
    tasks.write_text(wrong)
    done = lint(newest_ansible, copied)
    assert done.returncode != 0
    assert "command-instead-of-module" in done.stdout


def test_documentation_of_the_module(newest_ansible):
    done = run(
        newest_ansible, CONTRIB, "ansible-doc", "--json", "vdsm_backup_domain"
    )
    assert done.returncode == 0, done
    assert '"check_mode"' in done.stdout
