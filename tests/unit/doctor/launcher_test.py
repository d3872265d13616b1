# SPDX-License-Identifier: GPL-2.0-or-later
import os
import shutil

import pytest

from tests import ROOT
from vdsm_backup.doctor import checks, launcher

DROP_IN = os.path.join(
    ROOT, "contrib/systemd/vdsmd.service.d/50-vdsm-backup.conf"
)
LAUNCHER = os.path.join(ROOT, "contrib/libexec/vdsmd")
ADAPTER = "/usr/libexec/vdsm/daemonAdapter"
OWN = f'[Service]\nExecStart={ADAPTER} -0 /dev/null "/usr/libexec/vdsm/vdsmd"'

VENDOR = "/usr/lib/systemd/system/vdsmd.service"
ADMIN = "/etc/systemd/system/vdsmd.service"


@pytest.fixture
def root(tmp_path):
    """VDSM 4.50.0.2 or later with our drop-in and launcher."""
    put(tmp_path, VENDOR, f"{OWN}\n")
    with open(DROP_IN) as f:
        put(tmp_path, f"{VENDOR}.d/50-vdsm-backup.conf", f.read())
    for path in (ADAPTER, "/usr/libexec/vdsm/vdsmd"):
        put(tmp_path, path, "#!/bin/sh\n").chmod(0o755)
    with open(LAUNCHER) as f:
        put(tmp_path, launcher.LAUNCHER, f.read()).chmod(0o755)
    return tmp_path


def put(root, path, text):
    found = root / path.lstrip("/")
    found.parent.mkdir(parents=True, exist_ok=True)
    found.write_text(text)
    return found


def check(root):
    (found,) = launcher.check(str(root))
    return found


def test_all_is_there(root):
    found = check(root)
    assert found.state == checks.OK
    assert f"{VENDOR}.d/50-vdsm-backup.conf" in found.text


def test_daemon_adapter_is_elsewhere(root):
    """Before VDSM 4.50.0.2 it was in /usr/share/vdsm."""
    there = root / "usr/share/vdsm/daemonAdapter"
    there.parent.mkdir(parents=True)
    shutil.move(root / ADAPTER.lstrip("/"), there)
    found = check(root)
    assert found.state == checks.BAD
    assert f"names {ADAPTER}, which cannot be run" in found.text
    assert "VDSM does not start" in found.text
    assert "4.50.0.2" in found.hint


@pytest.mark.parametrize("how", ["gone", "not executable"])
def test_launcher_is_gone(root, how):
    path = root / launcher.LAUNCHER.lstrip("/")
    path.unlink()
    if how == "not executable":
        put(root, launcher.LAUNCHER, "").chmod(0o644)
    found = check(root)
    assert found.state == checks.BAD
    assert f"names {launcher.LAUNCHER}, which" in found.text


def test_no_drop_in(root):
    shutil.rmtree(root / f"{VENDOR}.d".lstrip("/"))
    found = check(root)
    assert found.state == checks.BAD
    assert found.text == f"{VENDOR} starts VDSM without the plugin"
    assert found.hint.endswith("/docs/vdsm.md, Loading")


def test_a_later_drop_in_starts_it_otherwise(root):
    other = f"{ADMIN}.d/60-mine.conf"
    put(
        root,
        other,
        f"{OWN}\n".replace("[Service]\n", "[Service]\nExecStart=\n"),
    )
    assert check(root).text == f"{other} starts VDSM without the plugin"
    # An earlier one does not, nor one that says nothing of it.
    os.rename(root / other.lstrip("/"), root / other[1:].replace("60", "40"))
    put(root, f"{ADMIN}.d/70-more.conf", "[Service]\nNice=-20\n")
    assert check(root).state == checks.OK


def test_the_same_name_in_a_directory_before(root):
    """Ours is there, and does not count."""
    hiding = f"{ADMIN}.d/50-vdsm-backup.conf"
    put(root, hiding, "").unlink()
    os.symlink("/dev/null", root / hiding.lstrip("/"))
    found = check(root)
    assert found.state == checks.BAD
    assert found.text == (
        f"{VENDOR} starts VDSM without the plugin: {hiding} hides"
        f" {VENDOR}.d/50-vdsm-backup.conf"
    )
    assert found.hint == f"remove {hiding}; systemctl daemon-reload"


def test_ours_hides_ours(root):
    """One that was put into /etc by hand, and does not follow upgrades."""
    hiding = f"{ADMIN}.d/50-vdsm-backup.conf"
    with open(DROP_IN) as f:
        put(root, hiding, f.read())
    found = check(root)
    assert (found.state, found.hint) == (checks.NOTE, f"remove {hiding}")
    assert f"{hiding} hides {VENDOR}.d/50-vdsm-backup.conf" in found.text
    os.unlink(root / f"{VENDOR}.d/50-vdsm-backup.conf".lstrip("/"))
    found = check(root)
    assert found.state == checks.NOTE
    assert "an upgrade of oVirt Node keeps that" in found.text


def test_another_drop_in_with_one_name_is_none_of_ours(root):
    for directory in (VENDOR, ADMIN):
        put(root, f"{directory}.d/10-x.conf", "[Service]\nNice=-20\n")
    assert check(root).state == checks.OK


def test_two_commands(root):
    """systemd.service(5): a service has one, unless it is Type=oneshot."""
    other = f"{ADMIN}.d/60-mine.conf"
    put(root, other, f"{OWN}\n")
    found = check(root)
    assert found.state == checks.BAD
    assert f"{VENDOR}.d/50-vdsm-backup.conf and {other} have" in found.text


def test_launcher_of_another_version(root):
    path = root / launcher.LAUNCHER.lstrip("/")
    path.write_text(f"{path.read_text()}# changed\n")
    found = check(root)
    assert found.state == checks.NOTE
    assert "not that of this version" in found.text


@pytest.mark.parametrize(
    "line",
    [
        'ExecStart = -{a} -0 /dev/null \\\n  "{ours}"',
        "ExecStart=@{a} daemonAdapter '{ours}'",
    ],
)
def test_other_ways_to_write_it(root, line):
    text = line.format(a=ADAPTER, ours=launcher.LAUNCHER)
    text = f"[Service]\nExecStart=\n{text}\n"
    put(root, f"{VENDOR}.d/50-vdsm-backup.conf", text)
    assert check(root).state == checks.OK


def test_no_vdsm(tmp_path):
    found = check(tmp_path)
    assert (found.state, "no vdsmd.service" in found.text) == (
        checks.UNKNOWN,
        True,
    )


def test_a_drop_in_that_cannot_be_read(root):
    os.mkdir(put(root, f"{ADMIN}.d/x", "").parent / "99.conf")
    found = check(root)
    assert (found.state, "99.conf" in found.text) == (checks.UNKNOWN, True)


# What systemd has read of it


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    def systemctl(script):
        path = put(tmp_path, "/bin/systemctl", f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(path.parent), prepend=":")
        return list(launcher.reloaded(str(tmp_path)))

    return systemctl


def test_files_that_systemd_has_not_read(systemctl):
    (found,) = systemctl(
        '[ "$1 $3" = "show vdsmd.service" ] || exit 1; echo "${2#*=}=yes"'
    )
    assert found.state == checks.BAD
    assert found.hint == "systemctl daemon-reload"


def test_files_that_systemd_has_read(systemctl):
    assert systemctl("echo NeedDaemonReload=no") == []


def test_systemd_that_does_not_answer(systemctl):
    (found,) = systemctl("echo no bus >&2; exit 1")
    assert (found.state, "no bus" in found.text) == (checks.UNKNOWN, True)


def test_systemd_does_not_run(tmp_path):
    assert list(launcher.reloaded(str(tmp_path / "none"))) == []
