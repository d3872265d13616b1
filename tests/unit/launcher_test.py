# SPDX-License-Identifier: GPL-2.0-or-later
"""VDSM is started with the plugin, or at least it is started."""

import configparser
import os

import pytest

from tests.support.backends import ROOT
from tests.support.launching import LAUNCHER, Place

GOOD = "def install(options):\n    import builtins; builtins.put = True\n"
INCOMPATIBLE = """
class Incompatible(Exception):
    problems = ["first", "second"]
def install(options):
    raise Incompatible("first; second")
"""
CONFIG = """
class Options:
    on_incompatible = {!r}
def load():
    return Options
"""


@pytest.fixture
def place(tmp_path):
    place = Place(str(tmp_path))
    place.package("vdsm_backup/__init__.py", "")
    place.package("vdsm_backup/config.py", CONFIG.format("warn"))
    place.package("vdsm_backup/vdsm/__init__.py", "")
    place.package(
        "vdsm_backup/vdsm/install.py", GOOD + "Incompatible = OSError"
    )
    return place


def test_starts_vdsm_with_the_plugin(place):
    place.package(
        "vdsm/vdsmd.py",
        "def main():\n    assert customized and put; raise SystemExit(3)",
    )
    assert place.start() == (3, None)
    assert "the plugin is in place" in place.said()


def test_as_if_vdsm_had_been_started_from_its_own_directory(place):
    _, (who, _, path, sys_path) = place.start("--option")
    assert who == "launched"
    assert path == ":".join([place.vdsm_dir, *place.packages])
    assert place.launcher_dir not in sys_path
    assert sys_path[0] == place.vdsm_dir


def test_end_of_vdsm_is_its_own(place):
    """It is not started once more, without the plugin."""
    assert place.start()[0] == 5
    place.package("vdsm/vdsmd.py", "def main(): raise ValueError('mine')")
    os.unlink(os.path.join(place.vdsm_dir, "vdsmd"))
    assert place.start()[0] == 1
    assert "WITHOUT" not in place.said()


BROKEN = {
    "config": ("config.py", "def load(): raise ValueError('bad value')"),
    "syntax": ("vdsm/install.py", "def install(:"),
    "import": ("vdsm/install.py", "import no_such_module"),
    "install": (
        "vdsm/install.py",
        "Incompatible = OSError\ndef install(options): 1 / 0",
    ),
    "exit": ("vdsm/install.py", "raise SystemExit(0)"),
    "incompatible": ("vdsm/install.py", INCOMPATIBLE),
}


@pytest.mark.parametrize("what", BROKEN)
def test_vdsm_is_never_down_because_of_us(place, what):
    name, text = BROKEN[what]
    place.package(f"vdsm_backup/{name}", text)
    code, (who, argv, path, _) = place.start("--option")
    assert (code, who, argv) == (7, "own", ["--option"])
    assert path == ":".join([place.vdsm_dir, *place.packages])
    assert "starting VDSM WITHOUT the plugin" in place.said()


def test_without_our_package(place):
    place.remove_package("vdsm_backup")
    assert place.start()[1][0] == "own"


def test_what_does_not_fit_is_told_in_full(place):
    place.package("vdsm_backup/vdsm/install.py", INCOMPATIBLE)
    place.start()
    assert "not as expected: first\n" in place.said()
    assert "not as expected: second\n" in place.said()


def test_stop_is_obeyed(place):
    place.package("vdsm_backup/vdsm/install.py", INCOMPATIBLE)
    place.package("vdsm_backup/config.py", CONFIG.format("stop"))
    assert place.start() == (1, None)
    assert "VDSM is not started" in place.said()


def test_sitecustomize_that_fails_stops_nothing(place):
    place.custom("1 / 0")
    assert place.start()[1][0] == "launched"
    assert "ZeroDivisionError" in place.said()


def test_vdsm_without_sitecustomize(place):
    os.unlink(os.path.join(place.vdsm_dir, "sitecustomize.py"))
    assert place.start()[1][0] == "launched"


def test_nothing_in_its_directory_can_be_imported():
    """It is first on VDSM's PYTHONPATH, and on that of all its children."""
    names = os.listdir(os.path.dirname(LAUNCHER))
    assert names == ["vdsmd"]
    assert os.access(LAUNCHER, os.X_OK)


def test_drop_in_starts_the_launcher_and_nothing_else():
    path = os.path.join(
        ROOT, "contrib/systemd/vdsmd.service.d/50-vdsm-backup.conf"
    )
    with open(path) as f:
        lines = [x for x in f.read().splitlines() if not x.startswith("#")]
    assert lines[:2] == ["[Service]", "ExecStart="]
    (command,) = lines[2:]
    assert command.startswith("ExecStart=/usr/libexec/vdsm/daemonAdapter -0")
    assert command.endswith('"/usr/libexec/vdsm-backup/vdsmd"')
    # systemd reads it as INI, in which a key may come twice.
    configparser.ConfigParser(strict=False).read(path)
