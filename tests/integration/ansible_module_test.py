# SPDX-License-Identifier: GPL-2.0-or-later
"""
The module vdsm_backup_domain, by which Ansible sets and clears a flag: with
the newest Ansible and an old one, on the Python of EL9 where it is here.
"""

import glob
import json
import os
import shlex
import subprocess

import pytest
import yaml

from tests import ROOT
from tests.support import rundir, testhost
from tests.support.ansible.playbook import CONTRIB, ENVIRONMENT, Run
from tests.support.clifixtures import A
from tests.support.hooks.needs import needs_private_tmp
from vdsm_backup import errors

pytest_plugins = ["tests.support.ansible.ansiblefixtures"]
pytestmark = [
    needs_private_tmp,
    pytest.mark.slow("Ansible takes a second to start, and for each task"),
]

WHY = "nightly copies"
DAMAGED = "c1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"


def python_of_el9():
    """3.9 if it is here: pyenv's, since its shim in PATH does not work."""
    top = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    found = glob.glob(os.path.join(top, "versions", "3.9.*", "bin", "python"))
    return found[0] if found else "/usr/bin/python3"


def task(name, backup, reason, domain=A, **more):
    return {
        "name": name,
        "vdsm_backup_domain": {
            "domain": domain,
            "backup": backup,
            "reason": reason,
        },
        "register": name,
        "ignore_errors": True,
        **more,
    }


def replacing(name, backup, reason):
    done = task(name, backup, reason)
    done["vdsm_backup_domain"]["replace"] = True
    return done


CHECK = {"check_mode": True, "diff": True}
KEPT = "Kept: "
# It could be taken for an option.
SITE_B = "--site-B"

# Each has another command, or none.
NOWHERE = {"environment": {"PATH": "/nonexistent"}}
BROKEN = {"environment": {"PATH": "{{ playbook_dir }}/broken:/usr/bin:/bin"}}
HUNG_UP = {"environment": {"PATH": "{{ playbook_dir }}/hung_up:/bin"}}
KILLED = {"environment": {"PATH": "{{ playbook_dir }}/killed:/bin"}}
NO_ROOM = {"environment": {"PATH": "{{ playbook_dir }}/no_room:/bin"}}

# What the command says in these, as it says it, and how it ends.
INTERRUPTED = errors.Interrupted(
    " after the change: backups IS a backup domain"
)
FULL = errors.RunDirFailed("/run/vdsm-backup", "No space left on device")
ENDS = {
    "hung_up": (INTERRUPTED, "exit 129"),
    "killed": (None, "kill -HUP $$"),
    "no_room": (FULL, "exit 1"),
}

# In their order, in one play; each is known by its name. A task takes half a
# second and more of CPU time.
TASKS = [
    task("would_set", True, WHY, **CHECK),
    task("set_it", True, WHY, diff=True),
    task("set_again", True, WHY),
    task("another_reason", True, SITE_B),
    replacing("replaced", True, SITE_B),
    task("by_name", False, "on tape", domain="backups", diff=True),
    task("would_clear_again", False, "whatever", **CHECK),
    task("damaged", True, WHY, domain=DAMAGED),
    task("an_option", True, "--replace", domain="--json"),
    task("no_command", True, WHY, **NOWHERE),
    task("no_answer", True, WHY, **BROKEN),
    task("hung_up", True, WHY, **HUNG_UP),
    task("killed", True, WHY, **KILLED),
    task("no_room", True, WHY, **NO_ROOM),
]
# What an old Ansible is asked: it runs the same module.
OLD = ["would_set", "set_it", "an_option"]


class Results:
    """
    What each task has returned, and the domain when all are done. called:
    (command, SD) of all that was called, one after the other.
    """

    def __init__(self, directory, ansible, tasks):
        self._directory = directory
        self._tasks = tasks
        self.names = [x["name"] for x in tasks]
        with testhost.Host(os.path.join(directory, "host")) as host:
            host.domain(sd_id=A, name="backups", TYPE="LOCALFS")
            host.domain(sd_id=DAMAGED, BACKUP="Maybe")
            self._run(host, ansible)
            self.values = host.values(A)
            self.copies = len(host.kept())

    def _run(self, host, ansible):
        # What a package puts into PATH: the command, with its configuration.
        called = os.path.join(self._directory, "called")
        script = f'for sd; do :; done; echo "$2 $sd" >>{called}\n'
        script += f"cd {shlex.quote(ROOT)}\n"
        script += f'exec {shlex.join(host.command())} "$@"'
        self._put("vdsm-backup-domain", script)
        self._put("broken/vdsm-backup-domain", "echo no library >&2; exit 7")
        shown = {"id": A, "flag": False, "reason": None}
        for name, (error, end) in ENDS.items():
            answers = {"show": {"domain": shown}}
            if error:
                answers["set"] = {"error": error.as_object()}
            script = "".join(
                f"if [ $2 = {command} ]; then\n"
                f"echo {shlex.quote(json.dumps(answer))}\nfi\n"
                for command, answer in answers.items()
            )
            script += f"[ $2 = show ] || {end}"
            self._put(f"{name}/vdsm-backup-domain", script)
        tasks = [
            {
                "environment": {
                    "PATH": f"{self._directory}:{os.environ['PATH']}"
                }
            }
            | x
            for x in self._tasks
        ]
        # They are printed, which runs no module.
        kept = {name: f"{{{{ {name} }}}}" for name in self.names}
        told = {"msg": f"{KEPT}{{{{ kept | to_json }}}}"}
        last = {"ansible.builtin.debug": told, "vars": {"kept": kept}}
        plays = [
            {
                "hosts": "all",
                "gather_facts": False,
                "vars": {"ansible_python_interpreter": python_of_el9()},
                "tasks": [*tasks, last],
            }
        ]
        playbook = os.path.join(self._directory, "play.yml")
        with open(playbook, "w") as f:
            yaml.safe_dump(plays, f, sort_keys=False)
        done = subprocess.run(
            ansible.command(
                "ansible-playbook",
                *("-i", "localhost,", "-c", "local", playbook),
            ),
            cwd=CONTRIB,
            env={**os.environ, **ENVIRONMENT},
            capture_output=True,
            text=True,
        )
        self.run = Run(done)
        assert done.returncode == 0, str(self.run)
        (line,) = [x for x in done.stdout.splitlines() if KEPT in x]
        text = json.loads(line.partition(": ")[2])
        self._found = json.loads(text[len(KEPT) :])
        with open(called) as f:
            self.called = [tuple(line.split()) for line in f]

    def _put(self, name, script):
        path = os.path.join(self._directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(f"#!/bin/sh -e\n{script}\n")
        os.chmod(path, 0o755)

    def __getitem__(self, name):
        return self._found[name]


@pytest.fixture(scope="module")
def results(newest_ansible):
    directory = rundir.make("ansible")
    yield Results(directory, newest_ansible, TASKS)
    rundir.remove(directory)


def flag(result):
    return result["domain"]["flag"], result["domain"]["reason"]


def test_what_the_command_says_besides(results):
    """Such as what it cannot see."""
    said = results["set_it"]["notes"]
    assert said != []
    assert results["would_set"]["notes"][: len(said)] == said
    assert results["set_again"]["notes"] == []


def test_set_and_set_again(results):
    done, again = results["set_it"], results["set_again"]
    assert done["changed"] and not done["failed"]
    assert flag(done) == flag(again) == (True, WHY)
    assert not again["changed"] and not again["failed"]


def test_what_is_as_it_should_be_is_only_shown(results):
    """A change would take the lease."""
    change, same = ["show", "set"], ["show"]
    assert [command for command, _ in results.called] == [
        *(change + change + same),
        *(change + change),
        *("show", "clear"),
        # What is clear already, and where there is nothing to be changed.
        *(same + same + same),
    ]


def test_check_mode_predicts_and_changes_nothing(results):
    would = results["would_set"]
    assert would["changed"] and flag(would) == (True, WHY)
    assert would["diff"] == results["set_it"]["diff"]
    # Nothing was set by it: the next one did that.
    assert results["set_it"]["changed"]
    # What was done: set, replaced, cleared.
    assert results.copies == 3


def test_check_mode_predicts_what_is_as_it_is(results):
    assert not results["would_clear_again"]["changed"]
    assert not results["would_clear_again"]["failed"]


def test_diff(results):
    assert results["set_it"]["diff"] == {
        "before": {"backup": False, "reason": None},
        "after": {"backup": True, "reason": WHY},
    }


def test_another_reason_replaces_none_unless_asked(results):
    refused = results["another_reason"]
    assert refused["failed"] and not refused["changed"]
    assert refused["error"]["code"] == 9601
    assert results["replaced"]["changed"]
    assert flag(results["replaced"]) == (True, SITE_B)
    assert results["by_name"]["diff"]["before"]["reason"] == SITE_B


def test_clear_by_name(results):
    assert results["by_name"]["changed"]
    assert flag(results["by_name"]) == (False, "on tape")
    # What was shown is changed, whatever has the name by now.
    by_name = results.called.index(("show", "backups"))
    assert results.called[by_name + 1] == ("clear", A)
    assert results.values["BACKUP"] == "False"


@pytest.mark.parametrize(
    "name, code",
    [
        ("another_reason", 9601),
        ("damaged", 966),
        ("an_option", 956),
        ("hung_up", 991),
        ("no_room", 9613),
    ],
)
def test_a_failure_has_code_message_and_hints(results, name, code):
    failed = results[name]
    error = failed["error"]
    assert failed["failed"] and error["code"] == code
    hints = f" ({'; '.join(error['hints'])})" if error["hints"] else ""
    assert failed["msg"] == f"error {code}: {error['message']}{hints}"


def test_a_host_without_the_command(results):
    assert results["no_command"]["msg"].startswith(
        "vdsm-backup-domain is not on this host: install the package"
    )


def test_a_command_without_an_answer(results):
    assert results["no_answer"]["failed"]
    assert results["no_answer"]["msg"].endswith(
        "show has ended with exit code 7 and without an answer: no library"
    )


def test_a_command_that_a_signal_has_ended(results):
    """The connection was lost: 129 if the command could say something."""
    said, killed = results["hung_up"], results["killed"]
    assert said["exit_code"] == 129
    assert "IS a backup domain" in said["msg"]
    assert killed["exit_code"] == -1
    assert killed["msg"] == (
        "vdsm-backup-domain set has ended with signal 1 and without an answer:"
        f" no output; what the domain has now: vdsm-backup-domain show {A}"
    )


def test_an_old_ansible(old_ansible):
    directory = rundir.make("ansible")
    tasks = [x for x in TASKS if x["name"] in OLD]
    done = Results(directory, old_ansible, tasks)
    rundir.remove(directory)
    changed = [name for name in done.names if done[name]["changed"]]
    assert changed == ["would_set", "set_it"]
    assert done["an_option"]["error"]["code"] == 956
    assert done.values["BACKUP"] == "True" and done.copies == 1


def test_no_task_has_ended_by_a_fault_of_ours(results):
    for name in results.names:
        assert "Traceback" not in json.dumps(results[name]), name
