# SPDX-License-Identifier: GPL-2.0-or-later
"""`make install` and `make uninstall`, for machines without rpm."""

import os
import stat
import subprocess

import pytest

from tests import ROOT
from tests.support.clifixtures import OWNER
from tests.support.hooks.needs import needs_other_user
from tests.support.night import as_user
from tests.support.packages import reading

pytest_plugins = ["tests.support.packages.packagefixtures"]
pytestmark = pytest.mark.slow("all modules are compiled")

CONF = "etc/vdsm-backup/vdsm-backup.conf"
SITELIB = "/usr/lib/python3/dist-packages"


def make(goal, destination, **options):
    return subprocess.run(
        ["make", "-s", goal, f"DESTDIR={destination}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        **options,
    )


def tree(top):
    """{path: its mode} of the files below."""
    found = {}
    for directory, _, names in os.walk(top):
        for name in names:
            path = os.path.join(directory, name)
            mode = stat.S_IMODE(os.stat(path).st_mode)
            found["/" + os.path.relpath(path, top)] = mode
    return found


@pytest.fixture(params=[0o022, 0o077], ids=oct)
def installed(request, tmp_path):
    for goal in ("install", "install-ansible", "install-engine"):
        make(goal, f"{tmp_path}/a b", umask=request.param)
    return tmp_path / "a b"


def test_the_files_of_the_packages(installed, source_tree):
    """All of them where they are, with their modes, and no others."""
    expected = {}
    for path in source_tree.build("debian"):
        for name, (mode, _, _) in reading.files(path).items():
            if mode[0] == "-" and not name.startswith("/usr/share/licenses/"):
                expected[name] = {"-rwxr-xr-x": 0o755, "-rw-r--r--": 0o644}[
                    mode
                ]
    assert tree(installed) == expected


def test_directories_are_open(installed):
    for directory, _, _ in os.walk(installed / "usr"):
        assert stat.S_IMODE(os.stat(directory).st_mode) == 0o755, directory


def test_again_it_keeps_the_configuration(tmp_path):
    make("install", tmp_path)
    (tmp_path / CONF).write_text("# mine\n")
    (library,) = tmp_path.glob("usr/lib/python3*/*/vdsm_backup")
    (library / "old.py").write_text("")
    make("install", tmp_path)
    assert (tmp_path / CONF).read_text() == "# mine\n"
    assert not (library / "old.py").exists()
    assert not (library.parent / "vdsm_backup.new").exists()


def test_uninstall_leaves_what_is_the_sites(tmp_path):
    make("install", tmp_path)
    make("install-ansible", tmp_path)
    make("install-engine", tmp_path)
    history = tmp_path / "var/lib/vdsm-backup/history"
    history.mkdir(parents=True)
    (history / "copy").write_text("")
    done = make("uninstall", tmp_path)
    assert set(tree(tmp_path)) == {
        "/" + CONF,
        "/etc/vdsm-backup/bridge.conf",
        "/var/lib/vdsm-backup/history/copy",
    }
    assert done.stdout.splitlines() == [
        f"left as it is: {tmp_path}/etc/vdsm-backup",
        f"left as it is: {tmp_path}/var/lib/vdsm-backup",
    ]
    assert not (
        tmp_path / "usr/share/ansible/roles/vdsm_backup_domain"
    ).exists()
    # Once more there is nothing to do.
    make("uninstall", tmp_path)


def test_uninstall_begins_with_the_drop_in_and_the_hooks(tmp_path):
    """VDSM does not start, and no VM, where they are left without the rest."""
    make("install", tmp_path)
    (library,) = tmp_path.glob("usr/lib/python3*/*/vdsm_backup")
    log = tmp_path / "trace"
    subprocess.run(
        ["strace", "-f", "-qq", "-s", "300", "-o", log]
        + ["-e", "trace=unlink,unlinkat,execve", "-e", "status=successful"]
        + [os.path.join(ROOT, "contrib", "install-files"), "uninstall"],
        env={**os.environ, "DESTDIR": str(tmp_path)},
        check=True,
        capture_output=True,
    )
    lines = log.read_text().splitlines()
    gone = [x for x in lines if "unlink" in x]

    def first(text):
        return next(i for i, x in enumerate(gone) if text in x)

    launcher = first("vdsm-backup/vdsmd")
    assert first("50-vdsm-backup.conf") < launcher
    hooks = [i for i, x in enumerate(gone) if "99_vdsm_backup" in x]
    assert len(hooks) == 5
    assert max(hooks) < first("errors.py")
    assert not library.exists()


@needs_other_user
@pytest.mark.parametrize("goal", ["install-hooks", "install-engine"])
def test_what_needs_the_library_looks_for_it(tmp_path, goal):
    """Before it writes anything; by somebody who could not write it."""
    done = subprocess.run(
        [os.path.join(ROOT, "contrib", "install-files"), goal],
        env={"PATH": os.environ["PATH"], "PYTHON": "false"},
        capture_output=True,
        text=True,
        **as_user(OWNER[0]),
    )
    assert done.returncode == 1
    assert "install the package for" in done.stderr
    assert "ermission denied" not in done.stderr
