# SPDX-License-Identifier: GPL-2.0-or-later
import os
import subprocess
import time

from tests.support.host import procfs
from vdsm_backup.doctor import started


def test_a_process_of_this_host():
    before = time.time()
    with subprocess.Popen(["sleep", "60"]) as process:
        found = started.processes(lambda name: name == "sleep")
        args = started.arguments(process)
        process.kill()
    assert args == ["sleep", "60"]
    (ours,) = [p for p in found if p.pid == process.pid]
    assert ours.uid == os.getuid()
    # The time of boot is in whole seconds, and the clock may have been set.
    assert abs(ours.started - before) < 60


def test_names_with_brackets(tmp_path):
    proc = procfs.make(tmp_path)
    procfs.add(proc, 7, "a (b) c", ["x y", "z"], procfs.BOOT + 5)
    (found,) = started.processes(lambda name: name == "a (b) c", proc)
    assert started.arguments(found, proc) == ["x y", "z"]
    assert found.started == procfs.BOOT + 5
    assert started.is_later(procfs.BOOT + 7, found)
    # It may be the same second.
    assert not started.is_later(procfs.BOOT + 5.9, found)


def test_a_process_that_ends_meanwhile(tmp_path):
    proc = procfs.make(tmp_path)
    os.mkdir(os.path.join(proc, "7"))
    assert started.processes(lambda name: True, proc) == []


def test_the_modules_below_a_directory(tmp_path):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (below / "x.pyc").write_text("")
    (below / "x.py").write_text("")
    newest = os.stat(below / "x.py").st_ctime
    assert started.changed([str(tmp_path)]) >= newest
