# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whatever the host has in its lvm.conf, the real lvm gives the same answers to
us and does the same for us; what it must leave out, we are told.
"""

import contextlib
import fcntl
import os
import stat
import threading
from types import SimpleNamespace

import pytest

from tests.support import testhost
from tests.support.lvmsettings import others
from tests.support.storage import loop
from tests.support.storage.blockdomain import BlockDomain
from tests.support.storage.blocktools import needs_block
from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.doctor import lvm_io
from vdsm_backup.lvm.vgs import Lvm

pytest_plugins = [
    "tests.support.storage.blockfixtures",
    "tests.support.clifixtures",
]
pytestmark = [
    pytest.mark.slow("lvm runs for each of its settings"),
    needs_block,
]

TAG = "nightly"


class Scene:
    """
    Domains as hosts may see them: whole, beside a replica, without one of
    its PVs, and one of which only a PV without metadata is there; and a
    device that is not.
    """

    def __init__(self, stack, directory):
        def make():
            made = BlockDomain(directory)
            return stack.enter_context(contextlib.closing(made))

        self.whole, copied, cut, orphan = (make() for _ in range(4))
        self.devices = [
            *self.whole.devices,
            *copied.devices,
            copied.copy_device(0),
            cut.devices[0],
            orphan.devices[1],
            "/dev/nosuch",
        ]
        self.vg = Lvm(self.whole.devices).find_to_read(self.whole.sd_id)
        self.lines = self.whole.lines()
        self.extra = os.path.join(directory, "extra")
        self.tagged = False

    def read(self):
        """What there is, and what cannot be told."""
        runner = Lvm(self.devices)
        scan = runner.scan()
        unread = {name: str(error) for name, error in scan.unread.items()}
        tags = scan.pick(self.whole.sd_id).tags
        vgs = [vg for vg in scan.vgs if vg.name != self.whole.sd_id]
        return vgs, unread, tags, runner.lvs(self.vg)

    def change(self):
        """Each command that changes something. Returns the tags expected."""
        runner = Lvm(self.devices)
        self.tagged = not self.tagged
        tags = [TAG] if self.tagged else []
        runner.change_tags(self.vg, tags, {TAG} - set(tags))
        runner.cfgbackup(self.vg, self.extra)
        mode = stat.S_IMODE(os.stat(self.extra).st_mode)
        os.unlink(self.extra)
        runner.activate(self.vg, ["ids"])
        runner.deactivate(self.vg, ["ids"])
        return mode, tuple(sorted([*self.vg.tags, *tags]))


@pytest.fixture(scope="module")
def scene(block_dir):
    with contextlib.ExitStack() as stack:
        yield Scene(stack, block_dir)


@pytest.fixture(scope="module")
def lvm_dir(block_dir):
    return loop.lvm_system_dir(block_dir, "lvm-of-the-host")


@pytest.fixture
def lvm_conf(lvm_dir, monkeypatch):
    """Called with what the host has in lvm.conf, or in another file."""
    monkeypatch.setenv("LVM_SYSTEM_DIR", lvm_dir)
    written = {}

    def write(text, name="lvm.conf"):
        path = os.path.join(lvm_dir, name)
        if path not in written:
            written[path] = None
            if os.path.exists(path):
                with open(path) as f:
                    written[path] = f.read()
        with open(path, "w") as f:
            f.write((written[path] or "") + text + "\n")

    yield write
    for path, text in written.items():
        os.unlink(path)
        if text is not None:
            with open(path, "w") as f:
                f.write(text)


@pytest.fixture(scope="module")
def plain(scene):
    """What all must answer: the answers on a host that sets nothing."""
    vgs, unread, tags, lvs = scene.read()
    copied, cut = sorted(vgs, key=lambda vg: len(vg.duplicates), reverse=True)
    assert copied.duplicates and cut.hazard().startswith("it misses PVs")
    assert list(unread) == ["/dev/nosuch", scene.devices[-2]]
    assert len(lvs) == 7
    return vgs, unread, lvs


def check(scene, plain):
    mode, tags = scene.change()
    assert mode == 0o600
    vgs, unread, found, lvs = scene.read()
    assert (vgs, unread, lvs) == plain
    assert found == tags


# One by one


@pytest.mark.parametrize("section", ["report", "log", "global", "shell"])
def test_each_setting(scene, plain, lvm_conf, section):
    wrong = {}
    for name, value in others(section):
        lvm_conf(f"{name} = {value}")
        try:
            check(scene, plain)
        except (AssertionError, errors.Error) as e:
            wrong[name] = str(e)
    assert wrong == {}


@pytest.mark.parametrize(
    "section",
    "devices config metadata backup activation local tags".split(),
)
def test_no_setting_hides_a_domain(scene, lvm_conf, section):
    """What is left to the host may be an error, but not "not found"."""
    settings = others(section)
    runner = Lvm(scene.whole.devices)
    expected = runner.find_to_read(scene.whole.sd_id)
    wrong = {}
    for name, value in settings:
        lvm_conf(f"{name} = {value}")
        try:
            found = runner.find_to_read(scene.whole.sd_id)
        except errors.LvmFailed:
            continue
        except errors.Error as e:
            wrong[name] = str(e)
        else:
            if found != expected:
                wrong[name] = str(found)
    assert wrong == {}


# Of each family

HOSTILE = {
    "prefix": 'log { prefix = "x" }',
    "prefix that is JSON": 'log { prefix = "{" }',
    "no prefix": 'log { prefix = "" indent = 1 command_names = 1 }',
    "loud": "log { verbose = 7 level = 7 }",
    "silent": "log { silent = 1 }",
    "command log": 'log { report_command_log = 1 command_log_cols = "x" }',
    "compact": "report { compact_output = 1 }",
    "compact columns": 'report { compact_output_cols = "pv_duplicate,all" }',
    "numbers": "report { binary_values_as_numeric = 1 }",
    "two words": "report { two_word_unknown_device = 1 }",
    "rows": "report { columns_as_rows = 1 prefixes = 1 quoted = 0 }",
    "separators": 'report { list_item_separator = " " separator = "," }',
    "unbuffered": 'report { buffered = 0 headings = 0 pvs_sort = "-vg_name" }',
    "columns": 'report { pvs_cols = "x" pvs_sort = "x" lvs_sort = "x" }',
    "format": 'report { output_format = "json" }',
    "format of another lvm": 'report { output_format = "json_std" }',
    "test": "global { test = 1 }",
    "umask": "global { umask = 0 }",
    "size": "devices { pv_min_size = 99999999 }",
    "hints": 'devices { hints = "all" preferred_names = [ "^/dev/x" ] }',
    "no default": """
        log { file = "/nonexistent/log" overwrite = 1 syslog = 1 }
        activation { volume_list = [ "x" ] read_only_volume_list = [ "x" ] }
        global { system_id_source = "file" system_id_file = "/nonexistent" }
        local { extra_system_ids = [ "x" ] }
        devices { types = [ "fd", 16 ] }
    """,
    "strict": "config { checks = 1 abort_on_errors = 1 }",
}


@pytest.mark.parametrize("name", [*HOSTILE, "all"])
def test_families(scene, plain, lvm_conf, name):
    texts = HOSTILE.values() if name == "all" else [HOSTILE[name]]
    lvm_conf("\n".join(texts))
    check(scene, plain)


@pytest.mark.parametrize("name", ["lvmlocal.conf", "lvm_any.conf"])
def test_other_files_of_the_host(scene, plain, lvm_conf, name):
    lvm_conf("tags { any { } }")
    lvm_conf(HOSTILE["numbers"] + HOSTILE["prefix"], name)
    check(scene, plain)


@pytest.mark.parametrize("name", ["filter", "global_filter"])
def test_filters_of_the_host_hide_nothing(scene, plain, lvm_conf, name):
    """With --devices, lvm uses no filters."""
    lvm_conf(f'devices {{ {name} = [ "r|.*|" ] }}')
    check(scene, plain)


def test_lvm_waits_for_another_command(scene, lvm_dir, lvm_conf):
    """A read must not fail because somebody changes the VG."""
    lvm_conf("global { wait_for_locks = 0 }")
    path = os.path.join(lvm_dir, "locks", f"V_{scene.whole.sd_id}")
    with open(path, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        inode = os.fstat(held.fileno()).st_ino
        found = []
        reader = threading.Thread(
            target=lambda: found.append(
                Lvm(scene.whole.devices).find_to_read(scene.whole.sd_id)
            )
        )
        reader.start()
        wait_until(lambda: blocked_on(inode) or not reader.is_alive())
    reader.join()
    assert found[0].name == scene.whole.sd_id


def blocked_on(inode):
    with open("/proc/locks") as f:
        return any("->" in line and f":{inode} " in line for line in f)


@pytest.mark.parametrize("value", [0, 1])
def test_doctor_tells_how_lvm_reads(scene, lvm_conf, value):
    """It is our lvm that says so, beside the settings that we give it."""
    lvm_conf(f"global {{ use_aio = {value} }}")
    options = SimpleNamespace(lvm_devices=scene.devices, needs_root=None)
    (finding,) = lvm_io.check(options)
    assert finding.text.endswith(f"(use_aio = {value})")


# The command


@pytest.mark.parametrize("name", HOSTILE)
def test_commands(directory, scene, lvm_conf, name):
    with testhost.Host(
        os.path.join(directory, "host"),
        io_timeout=30,
        block=[scene.whole],
    ) as host:
        lvm_conf(HOSTILE[name])
        sd_id = scene.whole.sd_id
        (row,) = host.json("list").json["domains"]
        assert (row["id"], row["error"]) == (sd_id, None)
        shown = host.json("show", sd_id).json["metadata"]
        assert sorted(shown) == scene.lines
