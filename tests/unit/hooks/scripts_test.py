# SPDX-License-Identifier: GPL-2.0-or-later
"""The scripts in hooks/, and where they are installed."""

import ast
import glob
import os
import stat
import subprocess
import sys

import pytest

from tests.support import rundir
from tests.support.hooks import scriptbeside
from tests.support.hooks.hookrunner import NAME, POINTS, SCRIPTS
from tests.support.hooks.needs import needs_other_user
from vdsm_backup.guard import policy
from vdsm_backup.hooks import entry

ROOT = os.path.dirname(SCRIPTS)
DIRECTORIES = [*POINTS, "qemu.d"]


@pytest.fixture(params=DIRECTORIES)
def script(request):
    return os.path.join(SCRIPTS, request.param, NAME)


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read()


def test_there_are_no_others():
    found = glob.glob(os.path.join(SCRIPTS, "*", "*"))
    assert sorted(found) == sorted(
        os.path.join(SCRIPTS, name, NAME) for name in DIRECTORIES
    )


def test_executable(script):
    assert stat.S_IMODE(os.lstat(script).st_mode) & 0o555 == 0o555


def test_head(script):
    """
    Neither PYTHONPATH nor the working directory counts, whatever they say, and
    names of files are UTF-8, whatever the caller's locale is.
    """
    lines = read(script).splitlines()
    program, _, options = lines[0].partition(" ")
    # The kernel takes all that follows for one argument.
    assert (program, options) == ("#!/usr/bin/python3", "-IXutf8")
    code = "import sys; print(sys.flags.isolated, sys.flags.utf8_mode)"
    done = subprocess.run(
        [sys.executable, options, "-c", code],
        env={"LC_ALL": "en_US.ISO-8859-1"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "1 1\n"
    assert lines[1] == "# SPDX-License-Identifier: GPL-2.0-or-later"


def test_each_calls_one_function(script):
    """For its own hook point, and nothing else of ours."""
    nodes = list(ast.walk(ast.parse(read(script))))
    imports = [n for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom))]
    *standard, ours = [ast.unparse(node) for node in imports]
    assert set(standard) <= {"import os", "import sys", "import syslog"}
    assert ours == "from vdsm_backup.hooks import entry"
    calls = [n for n in nodes if isinstance(n, ast.Call)]
    ours = [c for c in map(ast.unparse, calls) if c.startswith("entry.")]
    point = os.path.basename(os.path.dirname(script))
    expected = f"entry.vdsm({point!r})"
    if point == "qemu.d":
        expected = "entry.libvirt()"
    assert ours == [expected]


def run_without_the_package(script, *args):
    """By a Python that does not find it."""
    return subprocess.run(
        [sys.executable, "-I", "-S", script, *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


LIBVIRT = os.path.join(SCRIPTS, "qemu.d", NAME)
START = ("web1", "prepare", "begin", "-")
# Where libvirt asks us.
ASKED = ("prepare", "start", "migrate")


@pytest.mark.parametrize("point", POINTS)
def test_without_the_package_it_is_one_line(point):
    script = os.path.join(SCRIPTS, point, NAME)
    done = run_without_the_package(script)
    assert_one_line(done, script, "ModuleNotFoundError")


@pytest.mark.parametrize("point", POINTS)
def test_where_directories_are_left_of_the_package_too(point, tmp_path):
    """Python takes them for a package: what fails then is another import."""
    (tmp_path / "vdsm_backup" / "__pycache__").mkdir(parents=True)
    script = os.path.join(SCRIPTS, point, NAME)
    done = run_beside(tmp_path, script)
    assert_one_line(done, script, "ImportError")


@pytest.mark.parametrize("operation", ASKED)
def test_without_the_package_libvirts_hook_is_a_leftover(operation):
    done = run_without_the_package(LIBVIRT, "web1", operation, "begin", "-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# What VDSM shows when a hook cannot load the package.
TO_REMOVE = "/usr/libexec/vdsm/hooks/*/99_vdsm_backup"
NOT_DONE = {
    "before_vm_start": "VM not started",
    "before_vm_dehibernate": "VM not started",
    "before_disk_hotplug": "Disk not plugged",
    "before_vm_migrate_destination": "VM not migrated",
    "qemu.d": "VM not started",
}


def assert_one_line(done, script, name):
    """It says what did not happen, why, and both ways out of it."""
    point = os.path.basename(os.path.dirname(script))
    why, remove = "", TO_REMOVE
    if point == "qemu.d":
        remove = script
    if point == "qemu.d" or name not in ("ImportError", "ModuleNotFoundError"):
        why = f" ({name})"
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line == (
        f"{NOT_DONE[point]}: hook 99_vdsm_backup cannot load vdsm_backup{why}."
        f" Reinstall vdsm-backup-domain, or remove {remove} to go on"
        " unprotected (error 999)"
    )


HALF = [
    ("x = (", "SyntaxError"),
    ("", "AttributeError"),
    ("import nobody", "ModuleNotFoundError"),
    ("from vdsm_backup import config", "ImportError"),
    ("import vdsm_backup.config", "ModuleNotFoundError"),
    ("open('/nowhere/x')", "FileNotFoundError"),
]


def half_a_package(directory, text):
    """The file that the scripts import is this text; its path."""
    hooks = os.path.join(directory, "vdsm_backup", "hooks")
    os.makedirs(hooks)
    entry = os.path.join(hooks, "entry.py")
    files = {
        os.path.join(os.path.dirname(hooks), "__init__.py"): "",
        os.path.join(hooks, "__init__.py"): "",
        entry: text,
    }
    for path, content in files.items():
        with open(path, "w") as f:
            f.write(content)
    return entry


def run_beside(directory, script, as_user=()):
    """With the package in this directory."""
    program = scriptbeside.__file__
    python = [sys.executable, "-IBS", program, str(directory)]
    return subprocess.run(
        [*as_user, *python, script, *START], capture_output=True, text=True
    )


@pytest.mark.parametrize("text, name", HALF)
def test_a_package_that_is_half_there(script, tmp_path, text, name):
    """After half an upgrade, say; and never a trace."""
    if script == LIBVIRT and os.geteuid() != 0:
        pytest.skip("libvirt runs its hook as root")
    half_a_package(tmp_path, text)
    assert_one_line(run_beside(tmp_path, script), script, name)


VDSM = "setpriv --reuid=36 --regid=36 --clear-groups --".split()


@needs_other_user
@pytest.mark.parametrize("text, name", [*HALF, ("closed", "PermissionError")])
def test_a_session_is_not_refused_for_it(text, name):
    """Nor where its user may not read the package."""
    directory = rundir.make("scripts")
    entry = half_a_package(directory, text)
    if text == "closed":
        os.chmod(entry, 0o600)
    done = run_beside(directory, LIBVIRT, VDSM)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    hotplug = os.path.join(SCRIPTS, "before_disk_hotplug", NAME)
    assert_one_line(run_beside(directory, hotplug, VDSM), hotplug, name)
    rundir.remove(directory)


@pytest.mark.parametrize(
    "operation",
    ["reconnect", "stopped", "release", "attach", "started", "restore"],
)
def test_libvirts_hook_fails_for_nothing_else(operation):
    """On reconnect libvirt would end a VM that runs."""
    done = run_without_the_package(LIBVIRT, "web1", operation, "begin", "-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_each_point_has_its_operation():
    assert entry._VDSM_OPERATIONS == POINTS
    for operation in [*POINTS.values(), *entry._LIBVIRT_OPERATIONS.values()]:
        assert policy.row(operation).answer == policy.REFUSED
        assert policy.row(operation).verb


def test_last_of_all_of_the_same_point():
    """They judge the final XML; VDSM sorts by path."""
    assert NAME.startswith("99_")


HOOKLESS = ("install-hooks", "SYSTEM_PYTHON=/bin/false")


def test_hooks_without_the_package_are_not_installed(tmp_path):
    """Each would refuse every VM."""
    done = subprocess.run(
        ["make", "-s", "--no-print-directory", *HOOKLESS],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "install the package for /bin/false first" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("umask", [0, 0o022, 0o077], ids=oct)
def test_install_hooks(tmp_path, umask):
    """Where VDSM (P_VDSM_HOOKS) and libvirt look."""
    subprocess.run(
        ["make", "--silent", "install-hooks", f"DESTDIR={tmp_path}/a b"],
        cwd=ROOT,
        umask=umask,
        check=True,
    )
    found = {}
    for top, _, names in os.walk(tmp_path):
        for name in names:
            path = os.path.join(top, name)
            found[os.path.relpath(path, tmp_path)] = path
    wanted = {
        f"a b/usr/libexec/vdsm/hooks/{point}/{NAME}": point for point in POINTS
    }
    wanted[f"a b/etc/libvirt/hooks/qemu.d/{NAME}"] = "qemu.d"
    assert set(found) == set(wanted)
    for place, directory in wanted.items():
        assert read(found[place]) == read(
            os.path.join(SCRIPTS, directory, NAME)
        )
        path = found[place]
        while path != str(tmp_path):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o755, path
            path = os.path.dirname(path)
