# SPDX-License-Identifier: GPL-2.0-or-later
"""Which processes a command has."""

import shutil
import subprocess

import pytest

from tests.bench import traced
from tests.bench.product import PYTHON
from tests.bench.timing import Command

needs_strace = pytest.mark.skipif(
    not shutil.which("strace"), reason="strace is missing"
)

TRACE = """\
7 100.0 execve("/x/hook", ["/x/hook", "a \\"b\\""], 0x7f /* 2 vars */) = 0
7 100.1 openat(AT_FDCWD, "/l/__pycache__/a.pyc", O_RDONLY|O_CLOEXEC) = 3
7 100.1 openat(AT_FDCWD, "/l/__pycache__/b.pyc", O_RDONLY) = -1 ENOENT (No)
7 100.2 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 4
7 100.2 clone3({flags=CLONE_VM|CLONE_THREAD}, 88 <unfinished ...>
7 100.2 <... clone3 resumed> => {parent_tid=[3]}, 88) = 3
7 100.2 vfork( <unfinished ...>
8 100.2 execve("/bin/no", ["no"], 0x7f /* 2 vars */) = -1 ENOENT (No)
8 100.3 execve("/usr/bin/python3", ["python3", "-c", "run", \
"vdsm_backup.fileio.worker"], 0x7f /* 2 vars */ <unfinished ...>
9 100.4 execve("/usr/sbin/lvm", ["lvm", "pvs"], 0x7f /* 2 vars */) = 0
8 100.5 <... execve resumed>) = 0
7 100.5 <... vfork resumed>) = 8
3 100.5 +++ exited with 0 +++
4 100.5 +++ exited with 0 +++
9 100.6 +++ exited with 0 +++
7 100.7 +++ exited with 0 +++
6 100.7 execve("/bin/sh", ["sh", "x"], 0x7f /* 2 vars */) = 0
6 100.8 execve("/bin/true", ["true"], 0x7f /* 2 vars */) = 0
6 100.9 +++ exited with 0 +++
8 100.9 +++ killed by SIGKILL +++
"""


def test_parsed():
    found = sorted(traced.parse(TRACE.splitlines()))
    forked, *found = found
    assert (forked.label, forked.pid) == (traced.FORK, 4)
    assert (round(forked.began, 1), round(forked.ended, 1)) == (0.2, 0.5)
    twice, found = found[:2], found[2:]
    assert {(p.label, p.pid) for p in twice} == {("sh x", 6), ("true", 6)}
    assert [p.label for p in found] == [
        'hook a \\"b\\"',
        "fileio.worker",
        "lvm pvs",
    ]
    assert [p.modules for p in found] == [1, 0, 0]
    assert [p.is_python for p in found] == [False, True, False]
    assert [p.is_lvm for p in found] == [False, False, True]
    times = [(round(p.began, 1), round(p.ended, 1)) for p in found]
    assert times == [(0.0, 0.7), (0.5, 0.9), (0.4, 0.6)]
    assert traced.summary(found) == "1 modules, 1 x lvm pvs, 1 x fileio.worker"


@needs_strace
def test_real_processes():
    code = "import os; os.fork() or os._exit(0)"
    script = f"{PYTHON} -I -c pass; {PYTHON} -I -c '{code}'; exit 0"
    found = traced.run(Command(["/bin/sh", "-c", script]))
    assert sum(process.is_python for process in found) == 2
    assert sum(process.label == traced.FORK for process in found) == 1
    assert len(found) == 4


@needs_strace
def test_a_command_that_fails_is_no_figure():
    with pytest.raises(subprocess.CalledProcessError):
        traced.run(Command(["/bin/false"]))
