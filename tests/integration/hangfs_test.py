# SPDX-License-Identifier: GPL-2.0-or-later
"""
What other tests count on in hangfs.
"""

import errno
import os
import subprocess
import threading

import pytest

from tests.support import programs, rundir
from tests.support.hooks.needs import needs_other_user
from tests.support.processes import proc
from tests.support.storage import hangfs
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(
        hangfs.missing() is not None, reason=str(hangfs.missing())
    ),
]


@pytest.fixture
def fs():
    with hangfs.Hangfs() as fs:
        yield fs


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def test_orders_are_limited_to_names(fs):
    for name in ("metadata", "metadata.new.1", "ids"):
        write(os.path.join(fs.mount, name), "text")
    fs.fail("open", errno.EIO, "metadata.")
    for name in ("metadata", "ids"):
        with open(os.path.join(fs.mount, name)) as f:
            assert f.read() == "text"
    with pytest.raises(OSError) as e:
        open(os.path.join(fs.mount, "metadata.new.1"))
    assert e.value.errno == errno.EIO


def test_hang_may_end_in_an_error(fs):
    write(os.path.join(fs.root, "file"), "text")
    fs.hang("unlink")
    results = []

    def unlink():
        try:
            os.unlink(os.path.join(fs.mount, "file"))
        except OSError as e:
            results.append(e.errno)

    thread = threading.Thread(target=unlink)
    thread.start()
    fs.wait_stuck("unlink")
    fs.fail("unlink", errno.ESTALE)
    thread.join(10)
    assert results == [errno.ESTALE]
    assert os.listdir(fs.root) == ["file"]


def test_unknown_operation(fs):
    with pytest.raises(ValueError):
        fs.hang("raed")


def test_rename_is_atomic(fs):
    path = os.path.join(fs.mount, "file")
    write(path, "0")
    stop = threading.Event()

    def replace():
        # Over an open file: libfuse has a way of its own for that.
        with open(path):
            for n in range(100):
                write(path + ".new", str(n))
                os.rename(path + ".new", path)
        stop.set()

    thread = threading.Thread(target=replace)
    thread.start()
    polls = 0
    while not stop.is_set():
        # Fails if there is a moment without the name.
        os.lstat(os.path.join(fs.root, "file"))
        polls += 1
    thread.join()
    assert polls > 100
    assert os.listdir(fs.root) == ["file"]


@needs_other_user
def test_users_are_told_apart(fs):
    os.chmod(fs.root, 0o777)
    path = os.path.join(fs.mount, "file")
    assert as_other_user("make", path) == 0
    for made in (path, path + "d"):
        assert os.lstat(made).st_uid == os.lstat(made).st_gid == 36
    assert as_other_user("list", fs.mount) == 0
    os.chmod(fs.root, 0o700)
    assert as_other_user("list", fs.mount) == 1


def as_other_user(call, path):
    module = "tests.support.storage.file_calls"
    return programs.run(module, call, path, user=36, group=36).returncode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount fusectl")
def test_abort_ends_who_is_stuck(fs):
    write(os.path.join(fs.root, "file"), "text")
    fs.hang("read")
    reader = direct_reader(fs.mount)
    fs.wait_stuck("read")
    hangfs._abort(hangfs._connection(fs.mount))
    assert reader.wait(5) == 1


def test_close_ends_who_is_stuck():
    with hangfs.Hangfs() as fs:
        write(os.path.join(fs.root, "file"), "text")
        fs.hang("read")
        reader = direct_reader(fs.mount)
        fs.wait_stuck("read")
        reader.kill()
        with pytest.raises(subprocess.TimeoutExpired):
            reader.wait(0.5)  # Stuck in the kernel, as on real storage.
    reader.wait(5)
    assert hangfs._connection(fs.mount) is None
    assert not os.path.exists(fs.mount)


def test_clean_up_after_a_killed_run():
    with programs.start("tests.support.killed_run", "hangfs") as run:
        mount = run.stdout.readline().strip()
        reader = direct_reader(mount)
        base = os.path.dirname(mount)
        assert base not in rundir.stale()
        run.kill()
    assert base in rundir.stale()
    assert hangfs._connection(mount) is not None
    with open(os.path.join(base, "server")) as f:
        server = f.read().split()[0]
    for _ in range(2):
        hangfs.clean_stale(base)
    assert hangfs._connection(mount) is None
    wait_until(lambda: not proc.running(server))
    reader.wait(5)
    rundir.remove(base)


def direct_reader(mount):
    return programs.start(
        "tests.support.storage.direct_reader",
        os.path.join(mount, "file"),
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("gone", [False, True])
def test_rename_that_failed_comes_late(fs, gone):
    write(os.path.join(fs.root, "metadata"), "old")
    write(os.path.join(fs.root, "metadata.new"), "new")
    fs.late(errno.EIO, "metadata.new")
    names = [os.path.join(fs.mount, n) for n in ("metadata.new", "metadata")]
    with pytest.raises(OSError) as e:
        os.rename(*names)
    assert e.value.errno == errno.EIO
    assert fs.stuck("late") == 1
    if gone:
        # Whoever unlinks it is safe.
        os.unlink(names[0])
    fs.clear()
    wait_until(lambda: not fs.stuck("late"))
    with open(os.path.join(fs.root, "metadata")) as f:
        assert f.read() == ("old" if gone else "new")
