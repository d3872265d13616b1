# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a terminal shows while one mount of many hangs. The mount hangs until the
test lets it go, long before it would be given up.
"""

import contextlib
import os

import pytest

from tests.support import testhost
from tests.support.clifixtures import WHY, A, B
from tests.support.hooks.needs import needs_fuse
from tests.support.storage import hangfs
from tests.support.terminal import Terminal
from vdsm_backup.cli import layout

pytest_plugins = ["tests.support.clifixtures"]
pytestmark = needs_fuse

COLUMNS = 120
# Beside the one that hangs.
MOUNTS = 49
LATE = "late" * 40


@pytest.fixture
def host(directory):
    path = os.path.join(directory, "host")
    with testhost.Host(path, io_timeout=600) as host:
        host.domain(sd_id=A, name="good")
        yield host


@pytest.fixture
def fs(host):
    with hangfs.Hangfs() as fs:
        host.hung = host.add_mount("hung:_x", fs.mount)
        host.domain(sd_id=B, name=LATE, mount=fs.root)
        fs.hang("readdir")
        yield fs


@contextlib.contextmanager
def on_terminal(host, *args):
    with Terminal(COLUMNS) as terminal:
        side = terminal.side
        with host.start(*args, stdout=side, stderr=side) as process:
            terminal.release()
            try:
                yield terminal
            finally:
                process.kill()


def test_all_rows_of_the_others(host, fs):
    names = [f"name{number}" for number in range(1, MOUNTS)]
    for name in names:
        host.domain(name=name, mount=host.add_mount(f"server:_{name}"))
    with on_terminal(host, "list") as terminal:
        for name in ["good", *names]:
            terminal.wait_for(f"  {name}\n")
        # On a busy machine others are waited for, too, before it is the last.
        terminal.wait_for(f"waiting for {host.hung} ...\n")
        before = terminal.screen
        assert B not in before
        fs.wait_stuck("readdir")
        fs.clear()
        screen = terminal.read_all()
    assert screen.startswith(before)
    rows = [line for line in screen.splitlines() if " file " in line]
    assert len(rows) == MOUNTS + 1
    assert rows[-1].startswith(f"{B}  file ")
    assert "  latelate" in rows[-1]
    # All rows have the columns of the first one.
    assert max(map(layout.columns, rows)) <= COLUMNS
    assert len({row.index(" file ") for row in rows}) == 1
    assert len({row.rindex("  ") for row in rows}) == 1


def test_names_are_whole_in_a_pipe(host, fs):
    with host.start("list") as process:
        process.stdout.readline()
        assert process.stdout.readline().startswith(f"{A}  file")
        fs.clear()
        late, err = process.communicate()
    assert late == f"{B}  file   5    no        no       {LATE}\n"
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize(
    "args",
    [
        ["show", "good"],
        ["set", "good", "--dry-run", *WHY],
        ["verify"],
        ["verify", B],
        ["check", "good", "--operation", "run"],
        ["check", B],
        ["history", "good"],
    ],
    ids=" ".join,
)
def test_what_a_search_waits_for(host, fs, args):
    with on_terminal(host, *args) as terminal:
        terminal.wait_for(f"waiting for {host.hung} ...\n")
        fs.clear()
        terminal.read_all()


def test_what_a_directory_waits_for(host, fs):
    with on_terminal(host, "show", "--path", fs.mount) as terminal:
        terminal.wait_for(f"waiting for {fs.mount} ...\n")
        fs.clear()
        assert f"Name              {LATE}\n" in terminal.read_all()


@pytest.mark.parametrize(
    "args",
    [
        ["show", B],
        ["check", B],
        ["verify", B],
        ["history", B],
        ["set", B, "--dry-run", *WHY],
        ["reseal", B, "--dry-run", *WHY],
    ],
    ids=" ".join,
)
def test_what_reading_waits_for(host, fs, args):
    fs.clear()
    fs.hang("read", "metadata")
    with on_terminal(host, *args) as terminal:
        terminal.wait_for(f"waiting for {host.hung}/{B} ...\n")
        fs.clear()
        terminal.read_all()


@pytest.mark.parametrize(
    "args",
    [["show", B], ["set", B, "--dry-run", *WHY]],
    ids=" ".join,
)
def test_what_looking_for_users_waits_for(host, fs, args):
    """The domain was read."""
    fs.clear()
    fs.hang("readdir", "images")
    with on_terminal(host, *args) as terminal:
        terminal.wait_for("waiting for the search for its users ...\n")
        fs.clear()
        terminal.read_all()


@pytest.mark.parametrize("command", ["show", "check", "verify"])
def test_what_reading_a_directory_waits_for(host, fs, command):
    fs.clear()
    fs.hang("read", "metadata")
    path = os.path.join(fs.mount, B)
    with on_terminal(host, command, "--path", path) as terminal:
        terminal.wait_for(f"waiting for {path} ...\n")
        fs.clear()
        terminal.read_all()


@pytest.mark.parametrize("args", [["verify", B], ["verify"]], ids=" ".join)
def test_what_a_look_at_the_lease_waits_for(host, fs, args):
    """The metadata of all was read; only this one is waited for."""
    fs.clear()
    fs.hang("open", "ids")
    with on_terminal(host, *args) as terminal:
        terminal.wait_for(f"waiting for {host.hung}/{B} ...\n")
        fs.clear()
        terminal.read_all()


def test_what_a_look_at_other_directories_waits_for(host, fs):
    """At those that are no domain, and may have been one."""
    os.mkdir(os.path.join(fs.root, "leftover"))
    fs.clear()
    fs.hang("readdir", "leftover")
    with on_terminal(host, "verify") as terminal:
        terminal.wait_for(f"waiting for {host.hung} ...\n")
        fs.clear()
        terminal.read_all()


@contextlib.contextmanager
def judged(host, directory, disk):
    path = os.path.join(directory, "vm.xml")
    with open(path, "w") as f:
        f.write(
            "<domain><name>mail</name><devices><disk type='file'>"
            f"<source file='{disk}'/><target dev='vda'/>"
            "</disk></devices></domain>"
        )
    with on_terminal(host, "check", "--domxml", path) as terminal:
        yield terminal
        terminal.read_all()


def test_what_the_disk_of_a_vm_waits_for(host, fs, directory):
    fs.clear()
    fs.hang("read", "metadata")
    disk = f"{host.hung}/{B}/images/i/v"
    with judged(host, directory, disk) as terminal:
        terminal.wait_for(f"waiting for {host.hung}/{B} ...\n")
        fs.clear()


def test_what_the_links_of_a_disk_wait_for(host, fs, directory):
    fs.clear()
    os.symlink(B, os.path.join(fs.root, "link"))
    fs.hang("readlink", "link")
    disk = f"{fs.mount}/link/x"
    with judged(host, directory, disk) as terminal:
        terminal.wait_for(f"waiting for {disk} ...\n")
        fs.clear()
