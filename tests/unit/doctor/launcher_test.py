# SPDX-License-Identifier: GPL-2.0-or-later
import os
import shutil

import pytest

from tests import ROOT
from vdsm_backup.doctor import checks, launcher

DROP_IN = os.path.join(
    ROOT, "contrib/systemd/vdsmd.service.d/50-vdsm-backup.conf"
)
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
    for path in (ADAPTER, launcher.LAUNCHER, "/usr/libexec/vdsm/vdsmd"):
        put(tmp_path, path, "#!/bin/sh\n").chmod(0o755)
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
    assert found.hint == "docs/vdsm.md, Loading"


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
    hidden = f"{ADMIN}.d/50-vdsm-backup.conf"
    put(root, hidden, "").unlink()
    os.symlink("/dev/null", root / hidden.lstrip("/"))
    assert check(root).text == f"{VENDOR} starts VDSM without the plugin"


@pytest.mark.parametrize(
    "line",
    [
        'ExecStart = -{a} -0 /dev/null \\\n  "{ours}"',
        "ExecStart=@{a} daemonAdapter '{ours}'",
    ],
)
def test_other_ways_to_write_it(root, line):
    text = line.format(a=ADAPTER, ours=launcher.LAUNCHER)
    put(root, f"{VENDOR}.d/50-vdsm-backup.conf", f"[Service]\n{text}\n")
    assert check(root).state == checks.OK


def test_no_vdsm(tmp_path):
    found = check(tmp_path)
    assert (found.state, "no vdsmd.service" in found.text) == (
        checks.NOTE,
        True,
    )


def test_a_drop_in_that_cannot_be_read(root):
    os.mkdir(put(root, f"{ADMIN}.d/x", "").parent / "99.conf")
    found = check(root)
    assert (found.state, "99.conf" in found.text) == (checks.NOTE, True)
