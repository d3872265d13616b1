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


def spoil(path, old, new):
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def join(examples):
    """Make one of the playbooks: ansible-lint starts Ansible for each."""
    playbooks = [x for x in examples.iterdir() if "hosts:" in x.read_text()]
    plays = [path.read_text().partition("---\n")[2] for path in playbooks]
    assert len(plays) == 4 and all(plays)
    for path in playbooks:
        path.unlink()
    (examples / "joined.yml").write_text("---\n" + "".join(plays))


def test_ansible_lint_says_nothing_but_of_what_is_wrong(
    newest_ansible, tmp_path
):
    """
    One run, since it takes seconds: a task of the role and one of an example
    are wrong, which shows that all are looked at, and by all rules. Nothing
    else may be found.
    """
    # Not in a tree of git, which would be the project.
    copied = shutil.copytree(CONTRIB, tmp_path / "contrib")
    tasks = copied / "roles" / "vdsm_backup_domain" / "tasks" / "restart.yml"
    examples = copied / "examples"
    spoil(tasks, "name: Tell that vdsmd", "name: tell that vdsmd")
    spoil(examples / "flags.yml", "name: Flag a domain", "name: flag a domain")
    join(examples)
    done = run(
        newest_ansible,
        copied,
        "ansible-lint",
        *("--offline", "--profile", "production", "--nocolor", "--strict"),
        *("--format", "pep8"),
    )
    found = done.stdout.splitlines()
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(found) == 2, done.stdout + done.stderr
    assert all("name[casing]" in x for x in found), found
    assert [x for x in found if x.startswith("examples/joined.yml")], found
    assert [x for x in found if "/tasks/restart.yml" in x], found


def test_documentation_of_the_module(newest_ansible):
    done = run(
        newest_ansible, CONTRIB, "ansible-doc", "--json", "vdsm_backup_domain"
    )
    assert done.returncode == 0, done
    assert '"check_mode"' in done.stdout
