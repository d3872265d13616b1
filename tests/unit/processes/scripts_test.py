# SPDX-License-Identifier: GPL-2.0-or-later
import itertools
import os
import select
import subprocess
import sys
import textwrap
import time

import pytest

from tests import ROOT
from tests.support import rundir
from tests.support.hooks.needs import needs_other_user
from vdsm_backup.processes import scripts

# Writes to nobody's standard streams but its own: /dev/null, pipe, /dev/null.
FILES = """
import json, os
names = [os.readlink(f"/proc/self/fd/{n}") for n in range(3)]
others = [n for n in os.listdir("/proc/self/fd") if int(n) > 2]
print(json.dumps({"names": names, "others": len(others)}))
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Make a module whose main() runs this code; gives its name."""
    names = itertools.count()
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(text):
        name = f"script{next(names)}"
        code = textwrap.indent(text, "    ")
        (tmp_path / f"{name}.py").write_text(
            f"import time\n\n\ndef main(args):\n{code}\n"
        )
        return name

    return write


@pytest.fixture
def shared():
    """A directory that other users may enter."""
    path = rundir.make("child")
    yield path
    rundir.remove(path)


def spoken(one):
    """Waits until it has said something: a busy machine starts it late."""
    assert select.select([one.stdout], [], [], 30)[0]
    return one


def test_lines(script):
    one = scripts.Script(script("print('{\"a\": 1}\\n[2]')"))
    scripts.collect([one], 10)
    assert one.lines == [{"a": 1}, [2]]
    assert one.ended


def test_arguments(script):
    path = script("import json; print(json.dumps(args))")
    one = scripts.Script(path, "a b", "ü")
    scripts.collect([one], 10)
    assert one.lines == [["a b", "ü"]]


def test_many_lines_of_two_at_once(script):
    # More than a pipe holds: one that is not read would stand still.
    path = script("for i in range(20000): print('\"0123456789\"')")
    both = [scripts.Script(path), scripts.Script(path)]
    scripts.collect(both, 30)
    assert [len(one.lines) for one in both] == [20000, 20000]


def test_what_was_said_before_the_timeout_counts(script):
    path = script("print('1\\n2\\n\"cut', end='', flush=True); time.sleep(60)")
    one = spoken(scripts.Script(path))
    start = time.monotonic()
    scripts.collect([one], 1)
    assert time.monotonic() - start < 3
    assert one.lines == [1, 2]
    assert not one.ended


def test_one_that_never_stops_talking(script):
    path = script("while True: print(1, flush=True)")
    one = spoken(scripts.Script(path))
    start = time.monotonic()
    scripts.collect([one], 1)
    assert time.monotonic() - start < 3
    assert one.lines and not one.ended


def test_a_slow_one_does_not_delay_another(script):
    slow = scripts.Script(script("time.sleep(60)"))
    fast = spoken(scripts.Script(script("print(1)")))
    scripts.collect([slow, fast], 1)
    assert (slow.ended, fast.ended, fast.lines) == (False, True, [1])


def test_killed_at_the_timeout(script):
    path = script("import os\nprint(os.getpid(), flush=True)\ntime.sleep(60)")
    one = spoken(scripts.Script(path))
    scripts.collect([one], 1)
    with pytest.raises(ProcessLookupError):
        os.kill(one.lines[0], 0)


def test_one_that_dies(script):
    one = scripts.Script(script("print(1, flush=True); 1 / 0"))
    scripts.collect([one], 10)
    assert one.lines == [1]
    assert one.ended


def test_it_has_no_file_of_ours(script):
    read, write = os.pipe()
    stdin = os.dup(0)
    os.set_inheritable(write, True)
    os.dup2(read, 0)
    try:
        one = scripts.Script(script(FILES))
        scripts.collect([one], 10)
    finally:
        os.dup2(stdin, 0)
        for fd in (read, write, stdin):
            os.close(fd)
    [line] = one.lines
    assert line["names"][0] == line["names"][2] == "/dev/null"
    assert line["names"][1].startswith("pipe:")
    # The directory that it lists.
    assert line["others"] == 1


def test_environment_brings_no_code(script, tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    one = scripts.Script(script("import json; print(1)"))
    scripts.collect([one], 10)
    assert one.lines == [1]


@needs_other_user
def test_root_as_another_user(shared):
    code = (
        "import os, sys\n"
        "from vdsm_backup.processes import scripts\n"
        "os.setgroups([]); os.setegid(36); os.seteuid(36)\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "one = scripts.Script('ids')\n"
        "scripts.collect([one], 10)\n"
        "print(one.lines)\n"
    )
    with open(os.path.join(shared, "ids.py"), "w") as f:
        f.write(
            "import os\n\n\ndef main(args):\n"
            "    print([*os.getresuid(), *os.getresgid()])\n"
        )
    run = subprocess.run(
        [sys.executable, "-c", code, shared],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert run.stdout == f"{[[36] * 6]}\n"
