# SPDX-License-Identifier: GPL-2.0-or-later
"""VDSM is started with the plugin, or at least it is started."""

import configparser
import importlib.machinery
import importlib.util
import os
import pkgutil
import syslog

import pytest

from tests import ROOT
from tests.support import rundir
from tests.support.processes.namespace import (
    Namespace,
    Syslog,
    needs_namespace,
)
from tests.support.vdsm.launching import LAUNCHER, Place

GOOD = "def install(options):\n    import builtins; builtins.put = options\n"
INCOMPATIBLE = """
class Incompatible(Exception):
    pass
def install(options):
    raise Incompatible("first; second")
"""
CONFIG = """
class Options:
    on_incompatible = {!r}
OF_GUARD = ("guard",)
def load(sections):
    # What only others read must not count here.
    assert sections == ("guard", "vdsm")
    return Options
"""


@pytest.fixture
def place(tmp_path):
    place = Place(str(tmp_path))
    place.package("vdsm_backup/__init__.py", "")
    place.package("vdsm_backup/config.py", CONFIG.format("warn"))
    place.package("vdsm_backup/plugin/__init__.py", "")
    place.package(
        "vdsm_backup/plugin/install.py", GOOD + "Incompatible = OSError"
    )
    return place


def test_starts_vdsm_with_the_plugin(place):
    place.package(
        "vdsm/vdsmd.py",
        "def main():\n    assert customized and put; raise SystemExit(3)",
    )
    assert place.start() == (3, None)
    assert place.said(syslog.LOG_INFO) == "the plugin is in place\n"
    assert place.said() == place.said(syslog.LOG_INFO)


@pytest.mark.parametrize(
    "error",
    [
        "class ConfigInvalid(Exception): pass\n"
        "def load(sections): raise ConfigInvalid('bad value of mode')",
        "def load(sections): raise PermissionError(13, 'bad value of mode')",
        "def load(sections):\n"
        "    class Mute(Exception):\n"
        "        def __str__(self): return 1 / 0\n"
        "    raise Mute",
    ],
)
def test_configuration_that_cannot_be_used(place, error):
    """The plugin reads it again, and refuses until it is mended."""
    place.package("vdsm_backup/config.py", f"OF_GUARD = ()\n{error}")
    place.package(
        "vdsm/vdsmd.py",
        "def main():\n    assert put is None; raise SystemExit(3)",
    )
    assert place.start() == (3, None)
    said = place.said(syslog.LOG_ERR)
    assert said.startswith("VMs are refused until the configuration is mended")
    assert "bad value of mode" in said or ": Mute\n" in said
    assert place.said(syslog.LOG_INFO) == "the plugin is in place\n"


def test_that_configuration_says_nothing_of_stop(place):
    """What does not fit is left out, as by default."""
    error = "OF_GUARD = ()\ndef load(sections): raise ValueError"
    place.package("vdsm_backup/config.py", error)
    place.package("vdsm_backup/plugin/install.py", INCOMPATIBLE)
    assert place.start()[1][0] == "own"
    assert "starting VDSM WITHOUT the plugin" in place.said(syslog.LOG_ERR)


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
    "config": ("config.py", "def load(:"),
    "config exits": ("config.py", "raise SystemExit(0)"),
    "syntax": ("plugin/install.py", "def install(:"),
    "import": ("plugin/install.py", "import no_such_module"),
    "install": (
        "plugin/install.py",
        "Incompatible = OSError\ndef install(options): 1 / 0",
    ),
    "error without words": (
        "plugin/install.py",
        "class Mute(Exception):\n"
        "    def __str__(self): return 1 / 0\n"
        "raise Mute",
    ),
    "exit": ("plugin/install.py", "raise SystemExit(0)"),
    "incompatible": ("plugin/install.py", INCOMPATIBLE),
}


@pytest.mark.parametrize("what", BROKEN)
def test_vdsm_is_never_down_because_of_us(place, what):
    name, text = BROKEN[what]
    place.package(f"vdsm_backup/{name}", text)
    code, (who, argv, path, _) = place.start("--option")
    assert (code, who, argv) == (7, "own", ["--option"])
    assert path == ":".join([place.vdsm_dir, *place.packages])
    assert "starting VDSM WITHOUT the plugin: " in place.said(syslog.LOG_ERR)
    assert place.said() == place.said(syslog.LOG_ERR)


def test_any_text_can_be_said():
    """By the launcher itself: the copies of other tests say it to a file."""
    loader = importlib.machinery.SourceFileLoader("launcher", LAUNCHER)
    spec = importlib.util.spec_from_loader("launcher", loader)
    launcher = importlib.util.module_from_spec(spec)
    # Nothing beside the launcher, not even for a test.
    code = loader.source_to_code(loader.get_data(LAUNCHER), LAUNCHER)
    exec(code, vars(launcher))
    launcher.say(syslog.LOG_DEBUG, "a test \0 \ud800 é")


def test_without_our_package(place):
    place.remove_package("vdsm_backup")
    assert place.start()[1][0] == "own"
    assert "starting VDSM WITHOUT the plugin: " in place.said(syslog.LOG_ERR)
    assert place.said() == place.said(syslog.LOG_ERR)


def test_what_does_not_fit_is_told_in_full(place):
    """Once: systemd starts a VDSM that ends again and again."""
    place.package("vdsm_backup/plugin/install.py", INCOMPATIBLE)
    place.start()
    assert place.said() == (
        "starting VDSM WITHOUT the plugin: Incompatible: first; second\n"
    )


@pytest.mark.parametrize("command", [True, False])
def test_a_vdsm_that_is_gone(tmp_path, command):
    """By the plugin itself, all of whose patches miss their module."""
    place = Place(str(tmp_path), ROOT)
    place.remove_package("vdsm")
    own = os.path.join(place.vdsm_dir, "vdsmd")
    if not command:
        os.unlink(own)
    code, told = place.start()
    assert (code, told) == (1, None)
    begin = "starting VDSM WITHOUT the plugin"
    if not command:
        begin = f"VDSM cannot be started: no {own}, and no plugin"
    assert (
        place.said()
        == place.said(syslog.LOG_ERR)
        == (
            f"{begin}: Incompatible: this VDSM is not as expected:"
            " vdsm cannot be imported: No module named 'vdsm'\n"
        )
    )


def test_stop_is_obeyed(place):
    place.package("vdsm_backup/plugin/install.py", INCOMPATIBLE)
    place.package("vdsm_backup/config.py", CONFIG.format("stop"))
    assert place.start() == (1, None)
    text = "VDSM is not started ([vdsm] on_incompatible = stop): first; second"
    assert place.said() == place.said(syslog.LOG_ERR) == f"{text}\n"


def test_sitecustomize_that_fails_stops_nothing(place):
    place.custom("1 / 0")
    assert place.start()[1][0] == "launched"
    assert "ZeroDivisionError" in place.said(syslog.LOG_WARNING)


def test_vdsm_without_sitecustomize(place):
    os.unlink(os.path.join(place.vdsm_dir, "sitecustomize.py"))
    assert place.start()[1][0] == "launched"


OURS, DAEMON, USER = "vdsm-backup-domain", 3, 1


@pytest.fixture
def real(tmp_path):
    """(a place that talks to syslog, what it says there)"""
    directory = rundir.make("launcher")
    log = Syslog(directory)
    place = Place(str(tmp_path), syslog=True)
    place.package("vdsm_backup/__init__.py", "")
    place.package("vdsm_backup/config.py", CONFIG.format("warn"))
    place.package("vdsm_backup/plugin/__init__.py", "")
    place.package(
        "vdsm_backup/plugin/install.py", GOOD + "Incompatible = OSError"
    )
    with Namespace() as ns:
        ns.own_dev()
        log.put_into(ns)

        def lines():
            place.start(inside=ns.enter())
            return log.lines()

        yield place, lines
    log.close()
    rundir.remove(directory)


# As VDSM's own main says it.
FAILS = """
import syslog
def main():
    syslog.syslog("VDSM failed to start: it has no helper")
"""


@needs_namespace
def test_each_talks_in_its_own_name(real):
    place, lines = real
    place.package("vdsm/vdsmd.py", FAILS)
    assert lines() == [
        (DAEMON, syslog.LOG_INFO, OURS, "the plugin is in place"),
        (
            USER,
            syslog.LOG_INFO,
            "vdsmd",
            "VDSM failed to start: it has no helper",
        ),
    ]


@needs_namespace
@pytest.mark.parametrize("what", BROKEN)
def test_lost_protection_is_an_error(real, what):
    place, lines = real
    name, text = BROKEN[what]
    place.package(f"vdsm_backup/{name}", text)
    (line,) = lines()
    assert line[:3] == (DAEMON, syslog.LOG_ERR, OURS)
    assert line[3].startswith("starting VDSM WITHOUT the plugin: ")


@needs_namespace
def test_vdsm_that_is_not_started_is_an_error(real):
    place, lines = real
    place.package("vdsm_backup/plugin/install.py", INCOMPATIBLE)
    place.package("vdsm_backup/config.py", CONFIG.format("stop"))
    (found,) = lines()
    assert found[:3] == (DAEMON, syslog.LOG_ERR, OURS)
    assert found[3].startswith("VDSM is not started")


def test_nothing_in_its_directory_can_be_imported():
    """It is first on VDSM's PYTHONPATH, and on that of all its children."""
    directory = os.path.dirname(LAUNCHER)
    assert sorted(os.listdir(directory)) == ["bridge-agent", "vdsmd"]
    assert list(pkgutil.iter_modules([directory])) == []
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        # A directory would be a package, also without an __init__.py.
        assert os.path.isfile(path) and os.access(path, os.X_OK)


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
