# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes on is measured with all that it has started."""

import contextlib
import os
import subprocess
import sys

import pytest

from tests import ROOT
from tests.bench import timing, tree
from tests.bench.product import PYTHON
from tests.support.processes import proc
from tests.support.waiting import wait_until

# Seconds of CPU time of each of three processes: one that ends, one that has
# become a daemon, and the command itself. The files say that they are done.
EACH = 0.3
_COMMAND = """
import os, signal, sys, time

def burn(seconds, path):
    while time.process_time() < seconds:
        pass
    open(path, "w").close()

seconds, directory = float(sys.argv[1]), sys.argv[2]
if os.fork() == 0:
    burn(seconds, f"{directory}/ended")
    os._exit(0)
os.wait()
ours, theirs = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        burn(seconds, f"{directory}/daemon")
        os.close(theirs)
        os.read(ours, 1)
    os._exit(0)
os.close(ours)
os.wait()

def end(*_):
    sys.exit(7)

signal.signal(signal.SIGTERM, end)
burn(seconds, f"{directory}/command")
signal.pause()
"""


@pytest.fixture
def running(tmp_path):
    command = timing.Command(
        [PYTHON, "-I", "-c", _COMMAND, str(EACH), str(tmp_path)]
    )
    with open(tmp_path / "said", "wb") as said:
        made = tree.Tree(command, said)
    try:
        yield made
    finally:
        if not made.has_ended:
            made.kill()


def test_cpu_time_of_all(running, tmp_path):
    """Of who has ended, too, and of who was left by its parent."""
    for name in ("ended", "daemon", "command"):
        wait_until((tmp_path / name).exists)
    # The kernel counts in hundredths, and each may lose two.
    assert running.cpu() > 3 * EACH - 0.06
    assert running.cpu() == pytest.approx(running.cpu(), abs=0.05)


def test_it_has_ended_when_all_of_it_has(running, tmp_path):
    """A daemon, too: this one ends with the command."""
    wait_until((tmp_path / "command").exists)
    wait_until((tmp_path / "daemon").exists)
    pids = [*tree.pids_below(running._process.pid)]
    assert len(pids) == 2
    assert running.end() == 7
    assert running.has_ended
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


def test_nothing_of_it_stays(running, tmp_path):
    wait_until((tmp_path / "daemon").exists)
    pids = [*tree.pids_below(running._process.pid)]
    running.kill()
    wait_until(lambda: all(proc.state(pid) in ("", "Z") for pid in pids))


def test_memory_of_files_counts_once():
    pipe = subprocess.PIPE
    with contextlib.ExitStack() as stack:
        made = []
        for _ in range(2):
            process = stack.enter_context(
                subprocess.Popen(
                    [PYTHON, "-I", "-c", "print(flush=True); input()"],
                    stdin=pipe,
                    stdout=pipe,
                )
            )
            process.stdout.readline()
            made.append(process)
        pids = [process.pid for process in made]
        alone = [tree.together([pid]) for pid in pids]
        both = tree.together(pids)
        assert max(alone) * 1.1 < both < sum(alone) * 0.9
        assert alone[0] == pytest.approx(_resident(pids[0]), rel=0.05)
        for process in made:
            process.stdin.close()


def _resident(pid):
    with open(f"/proc/{pid}/status") as f:
        (line,) = [x for x in f if x.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def test_of_a_process_that_is_gone_there_is_nothing():
    process = subprocess.Popen([sys.executable, "-I", "-c", ""])
    process.wait()
    assert tree.together([process.pid]) == 0


def test_it_ends_when_the_bench_is_killed(tmp_path):
    code = (
        "from tests.bench import timing, tree; import sys\n"
        "command = timing.Command(['/bin/sleep', '3600'])\n"
        "made = tree.Tree(command, sys.stderr)\n"
        "print(made._process.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as bench:
        reaper = int(bench.stdout.readline())
        (command,) = wait_until(lambda: proc.find(reaper, "sleep"))
        bench.kill()
    for pid in (reaper, command):
        wait_until(lambda pid=pid: not proc.running(pid))
