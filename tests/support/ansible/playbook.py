# SPDX-License-Identifier: GPL-2.0-or-later
"""
Ansible of two versions, and what it says of a run: the newest one, in the
environment that contrib/setup-dev makes, and that of the distribution, which
is as old as EL9's.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from tests import ROOT

CONTRIB = os.path.join(ROOT, "contrib", "ansible")
_VENV = os.path.join(ROOT, ".venv", "ansible")

# With ovirt.ovirt, which is in no Ansible of its own.
COLLECTIONS = os.path.join(ROOT, ".venv", "ansible-collections")

# Only what a test says counts, and no terminal is there.
ENVIRONMENT = {
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_LOCALHOST_WARNING": "0",
    "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
    # One process less a task.
    "ANSIBLE_PIPELINING": "1",
}


@dataclass(frozen=True)
class Ansible:
    """
    An installed Ansible. name: of it in tests. python: that it runs with.
    scripts: the directory of its commands.
    """

    name: str
    python: str
    scripts: str

    def command(self, name, *args):
        # Not by the first line of the script, which may name another tree.
        return [self.python, os.path.join(self.scripts, name), *args]

    def missing(self):
        """Why it is not here, or ""."""
        if not os.path.exists(os.path.join(self.scripts, "ansible-playbook")):
            return f"there is no ansible-playbook in {self.scripts}"
        return ""

    def directories(self):
        """What it needs besides /usr."""
        prefix = subprocess.run(
            [self.python, "-I", "-c", "import sys; print(sys.base_prefix)"],
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        found = [os.path.dirname(self.scripts), prefix]
        return [x for x in found if not (x + "/").startswith("/usr/")]


NEWEST = Ansible(
    "newest", os.path.join(_VENV, "bin", "python"), os.path.join(_VENV, "bin")
)
DISTRIBUTION = Ansible(
    "distribution",
    "/usr/bin/python3",
    os.path.dirname(shutil.which("ansible-playbook") or "/usr/bin/"),
)

_TASK = re.compile(r"^(TASK|RUNNING HANDLER|HANDLER) \[(?:[\w.]+ : )?(.*)\]")
_RESULT = re.compile(r"^(ok|changed|skipping|fatal|failed|rescued|included)\b")


class Play:
    """
    What one play of a run has done. text: what was printed of it. tasks:
    [(name, result), ...] of tasks that were not skipped; a loop has a result
    for each round.
    """

    def __init__(self, text):
        self.text = text
        self.tasks = []
        name = None
        for line in text.splitlines():
            task, result = _TASK.match(line), _RESULT.match(line)
            if task:
                name = task[2]
            elif result and result[1] not in ("skipping", "included"):
                self.tasks.append((name, result[1]))

    def __repr__(self):
        return self.text

    def names(self, result):
        """The tasks that have this result, each once."""
        return list(dict.fromkeys(n for n, r in self.tasks if r == result))

    @property
    def changed(self):
        """Those that have changed something, or would."""
        return self.names("changed")

    @property
    def failed(self):
        return self.names("fatal") + self.names("failed")


class Run:
    """What a playbook has done to localhost. plays: a Play for each."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout + done.stderr
        self.plays = [Play(x) for x in done.stdout.split("\nPLAY [")[1:]]

    def __repr__(self):
        return f"exit code {self.code}\n{self.out}"
