# SPDX-License-Identifier: GPL-2.0-or-later
"""The scripts in hooks/, and where they are installed."""

import ast
import glob
import os
import stat
import subprocess
import sys

import pytest

from tests.support.hookrunner import NAME, POINTS, SCRIPTS
from vdsm_backup import hooks, policy

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
    """-I: neither PYTHONPATH nor the working directory, whatever they say."""
    lines = read(script).splitlines()
    assert lines[0] == "#!/usr/bin/python3 -I"
    assert lines[1] == "# SPDX-License-Identifier: GPL-2.0-or-later"


def test_each_calls_one_function(script):
    """For its own hook point, and nothing else of ours."""
    nodes = list(ast.walk(ast.parse(read(script))))
    imports = [n for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(node) for node in imports] == [
        "import sys",
        "from vdsm_backup import hooks",
    ]
    calls = [n for n in nodes if isinstance(n, ast.Call)]
    ours = [c for c in map(ast.unparse, calls) if not c.startswith("sys.exit")]
    point = os.path.basename(os.path.dirname(script))
    expected = f"hooks.vdsm({point!r})"
    if point == "qemu.d":
        expected = "hooks.libvirt()"
    assert ours == [expected]


def run_without_the_package(script, *args):
    """By a Python that does not find it."""
    return subprocess.run(
        [sys.executable, "-I", "-S", script, *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def test_without_the_package_it_is_one_line(script):
    done = run_without_the_package(script, "web1", "prepare", "begin", "-")
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("vdsm-backup-domain cannot be used: No module")
    assert line.endswith("(error 999)")


@pytest.mark.parametrize(
    "operation", ["reconnect", "stopped", "release", "attach", "started"]
)
def test_libvirts_hook_fails_for_nothing_else(operation):
    """On reconnect libvirt would end a VM that runs."""
    script = os.path.join(SCRIPTS, "qemu.d", NAME)
    done = run_without_the_package(script, "web1", operation, "begin", "-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_each_point_has_its_operation():
    assert hooks._OPERATIONS == POINTS
    for operation in [*POINTS.values(), *hooks._LIBVIRT.values()]:
        assert policy.row(operation).answer == policy.REFUSED
        assert policy.row(operation).verb


def test_last_of_all_of_the_same_point():
    """They judge the final XML; VDSM sorts by path."""
    assert NAME.startswith("99_")


def test_install_hooks(tmp_path):
    """Where VDSM (P_VDSM_HOOKS) and libvirt look."""
    subprocess.run(
        ["make", "--silent", "install-hooks", f"DESTDIR={tmp_path}/a b"],
        cwd=ROOT,
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
        mode = stat.S_IMODE(os.stat(found[place]).st_mode)
        assert mode == 0o755
