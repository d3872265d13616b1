# SPDX-License-Identifier: GPL-2.0-or-later
"""Hooks that are not in place, would not run, or are not ours."""

import os
import shutil

import pytest

from tests import ROOT
from tests.support.doctoring import states
from vdsm_backup.doctor import checks, hook_scripts, sums
from vdsm_backup.hooks import entry

SCRIPTS = os.path.join(ROOT, "hooks")
HOOK = hook_scripts.HOOK
ALL = [*hook_scripts.POINTS, "qemu.d"]

# Neither the owner of the files nor in their group.
SOMEBODY = hook_scripts.User("user vdsm", 12345, 12345)


@pytest.fixture
def base(tmp_path):
    """A directory whose parents let everybody in."""
    place = tmp_path
    while place != place.parent and os.stat(place).st_uid == os.getuid():
        place.chmod(place.stat().st_mode | 0o005)
        place = place.parent
    return tmp_path


@pytest.fixture
def places(base):
    """All hooks, as make install-hooks puts them there."""
    for point in ALL:
        directory = base / point
        directory.mkdir()
        directory.chmod(0o755)
        path = directory / HOOK
        shutil.copyfile(os.path.join(SCRIPTS, point, HOOK), path)
        path.chmod(0o755)
    return hook_scripts.Places(str(base), str(base), os.getuid())


def check(places, user=SOMEBODY):
    return list(hook_scripts.check(user, places))


def test_the_points_are_those_of_our_scripts():
    assert sorted(ALL) == sorted(os.listdir(SCRIPTS))
    for point in os.listdir(SCRIPTS):
        assert os.listdir(os.path.join(SCRIPTS, point)) == [HOOK]
    assert set(hook_scripts.POINTS) == set(entry._VDSM_OPERATIONS)


def test_the_sums_are_those_of_our_scripts():
    scripts = {point: f"hooks/{point}/{HOOK}" for point in ALL}
    scripts["vdsmd"] = "contrib/libexec/vdsmd"
    assert set(scripts) == set(sums.SUMS)
    for name, path in scripts.items():
        with open(os.path.join(ROOT, path), "rb") as f:
            content = f.read()
        # Where a script was changed, its sum is to be changed, too.
        real = sums.hashlib.sha256(content).hexdigest()
        assert sums.SUMS[name] == real, f"{path} now has {real}"
        assert sums.is_ours(name, content)


def test_hooks_in_place(places):
    assert states(check(places)) == [checks.OK] * 5


def gone(path):
    path.unlink()


def dangling(path):
    path.unlink()
    path.symlink_to("nowhere")


def altered(path):
    """It is still a hook, and lets all VMs go on."""
    path.write_text("#!/bin/sh\nexit 0\n")


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def other_point(path):
    other = os.path.join(SCRIPTS, "before_vm_dehibernate", HOOK)
    shutil.copyfile(other, path)


def fifo(path):
    path.unlink()
    os.mkfifo(path)


def not_executable(path):
    path.chmod(0o644)


def not_for_others(path):
    path.chmod(0o750)


def not_readable(path):
    """The interpreter reads it."""
    path.chmod(0o711)


def in_a_closed_directory(path):
    path.parent.chmod(0o700)


def writable(path):
    path.chmod(0o757)


def in_a_writable_directory(path):
    path.parent.chmod(0o777)


HARMS = [
    (gone, "is not there"),
    (dangling, "is not there"),
    (altered, "is not that of this version"),
    (cut, "is not that of this version"),
    (other_point, "is not that of this version"),
    (fifo, "is no regular file"),
    (not_executable, "has mode 0644: user vdsm cannot run it"),
    (not_for_others, "has mode 0750: user vdsm cannot run it"),
    (not_readable, "has mode 0711: user vdsm cannot run it"),
    (in_a_closed_directory, "user vdsm cannot enter "),
    (writable, "others than root may change "),
    (in_a_writable_directory, "others than root may change "),
]


@pytest.mark.parametrize("harm, words", HARMS)
def test_a_hook_that_would_not_protect(places, base, harm, words):
    path = base / "before_vm_start" / HOOK
    harm(path)
    first, *others = check(places)
    assert first.state == checks.BAD
    assert words in first.text
    assert str(path.parent) in first.text
    assert first.hint
    assert states(others) == [checks.OK] * 4


@pytest.mark.parametrize("harm, words", HARMS)
def test_the_hook_of_libvirt_is_of_root(places, base, harm, words):
    """Root reads what others may not, and runs what anybody may run."""
    harm(base / "qemu.d" / HOOK)
    last = check(places)[-1]
    closed = {not_for_others, not_readable, in_a_closed_directory}
    assert (last.state == checks.OK) == (harm in closed), last
    assert harm in closed or words.partition(": ")[0] in last.text


def test_a_hook_of_somebody_else(places):
    found = check(places._replace(owner=os.getuid() + 1))
    assert states(found) == [checks.BAD] * 5
    assert f"(owner {os.getuid()}, mode 0755)" in found[0].text


def test_user_that_owns_the_hooks(places, base):
    """Its own bits count, and not those of others."""
    path = base / "before_vm_start" / HOOK
    path.chmod(0o655)
    owner = SOMEBODY
    if os.getuid() == 0:
        os.chown(path, owner.uid, owner.gid)
    else:
        owner = owner._replace(uid=os.getuid())
    assert "cannot run it" in check(places, owner)[0].text


def test_a_hook_that_cannot_be_looked_at(places, monkeypatch):
    """As to a user who may not enter /etc/libvirt."""

    def closed(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(hook_scripts.os, "open", closed)
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    found = check(places)
    assert states(found) == [checks.UNKNOWN] * 5
    assert found[0].hint == checks.AS_ROOT


def test_a_hook_that_is_closed_to_who_runs_it(places, monkeypatch):
    """User vdsm can tell that of VDSM's hooks, and not of libvirt's."""

    def closed(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(hook_scripts.os, "open", closed)
    monkeypatch.setattr(os, "getuid", lambda: SOMEBODY.uid)
    found = check(places)
    assert states(found) == [*[checks.BAD] * 4, checks.UNKNOWN]
    assert found[0].text.endswith("denied, and user vdsm is who runs it")


def test_no_hooks_at_all(base):
    places = hook_scripts.Places(str(base), str(base))
    assert states(check(places)) == [checks.BAD] * 5


@pytest.mark.parametrize("mode, state", [(0o755, "note"), (0o644, "ok")])
def test_a_hook_that_runs_after_ours(places, base, mode, state):
    """What is not executable is run by nobody: a copy of an editor, say."""
    path = base / "before_vm_start" / "99_w"
    path.write_text("")
    path.chmod(mode)
    found = check(places)
    assert found[0].state == state
    assert "99_w" in found[0].text or state == "ok"
