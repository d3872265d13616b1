# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether the scripts of the hooks are in place: those of this version, which
their callers can run and nobody but root can change.

Call this as root: libvirt's directory can be closed to all others.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

import vdsm_backup
from vdsm_backup.doctor import sums
from vdsm_backup.doctor.checks import AS_ROOT, BAD, NOTE, OK, UNKNOWN, Finding
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

# P_VDSM_HOOKS in lib/vdsm/common/constants.py.in
VDSM_HOOKS = "/usr/libexec/vdsm/hooks"
LIBVIRT_HOOKS = "/etc/libvirt/hooks"
LIBVIRT_POINT = "qemu.d"
HOOK = "99_vdsm_backup"
POINTS = (
    "before_vm_start",
    "before_vm_dehibernate",
    "before_disk_hotplug",
    "before_vm_migrate_destination",
)

INSTALL = "make install-hooks, or install the package of the hooks again"

# Bytes of a script that are read; ours are shorter.
_MOST = 64 * 1024

_RUN = 0o5


class User(NamedTuple):
    """Who runs a hook."""

    name: str
    uid: int
    gid: int


class Places(NamedTuple):
    """
    Where the hooks are.

    owner: the uid that scripts must have.
    """

    vdsm: str = VDSM_HOOKS
    libvirt: str = LIBVIRT_HOOKS
    owner: int = 0

    @property
    def of_libvirt(self) -> str:
        """The path of libvirt's hook."""
        return os.path.join(self.libvirt, LIBVIRT_POINT, HOOK)


PLACES = Places()


def check(vdsm: User, places: Places = PLACES) -> Iterator[Finding]:
    """One Finding for each hook. vdsm: who runs those of VDSM."""
    for point in POINTS:
        path = os.path.join(places.vdsm, point, HOOK)
        yield _hook(f"hook {point}", point, path, vdsm, places.owner)
    root = User("root", 0, 0)
    path = places.of_libvirt
    yield _hook("libvirt hook", LIBVIRT_POINT, path, root, places.owner)


def _hook(name: str, point: str, path: str, user: User, owner: int) -> Finding:
    try:
        # O_NONBLOCK: a FIFO does not stop us.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as f:
            st = os.fstat(fd)
            content = f.read(_MOST) if stat.S_ISREG(st.st_mode) else b""
        directories = _directories(path)
        others = sorted(os.listdir(os.path.dirname(path)))
    except (FileNotFoundError, NotADirectoryError):
        return Finding(name, BAD, f"{path} is not there", INSTALL)
    except OSError as e:
        text = f"{path} cannot be read: {e.strerror}"
        if isinstance(e, PermissionError) and os.getuid() == user.uid:
            text += f", and {user.name} is who runs it"
            return Finding(name, BAD, text, INSTALL)
        return Finding(name, UNKNOWN, text, AS_ROOT)
    problem, hint = _problem(path, point, st, content, directories, user)
    if not problem:
        problem, hint = _changeable(path, st, directories[:1], owner)
    if problem:
        return Finding(name, BAD, problem, hint)
    later = [n for n in others if n > HOOK and _runs(path, n)]
    if later:
        shown = printable(later[0])
        text = f"runs before {shown}, whose changes of the VM are not checked"
        return Finding(name, NOTE, text, f"see what {shown} changes")
    return Finding(name, OK, path)


def _directories(path: str) -> list[tuple[str, os.stat_result]]:
    """Those that the path is in, from the innermost."""
    found = []
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        found.append((path, os.stat(path)))
    return found


def _problem(
    path: str,
    point: str,
    st: os.stat_result,
    content: bytes,
    directories: list[tuple[str, os.stat_result]],
    user: User,
) -> tuple[str, str]:
    """(why the hook does not run as it should, or "", the next step)"""
    if not stat.S_ISREG(st.st_mode):
        return f"{path} is no regular file", INSTALL
    closed = [d for d, of in directories if not _may(of, user, 0o1)]
    if closed:
        text = f"{user.name} cannot enter {closed[-1]}: the hook is not run"
        return text, f"chmod o+x {closed[-1]}"
    if not _may(st, user, _RUN):
        mode = stat.S_IMODE(st.st_mode)
        text = f"{path} has mode {mode:04o}: {user.name} cannot run it"
        return text, f"chmod 755 {path}"
    if not sums.is_ours(point, content):
        version = vdsm_backup.__version__
        text = f"{path} is not that of this version ({version}): nobody knows"
        return f"{text} what it lets through", INSTALL
    return "", ""


def _changeable(
    path: str,
    st: os.stat_result,
    directories: list[tuple[str, os.stat_result]],
    owner: int,
) -> tuple[str, str]:
    """(why others than root can change the hook, or "", the next step)"""
    for name, of in [(path, st), *directories]:
        mode = stat.S_IMODE(of.st_mode)
        if of.st_uid != owner or mode & 0o022:
            text = f"others than root may change {name} (owner {of.st_uid},"
            text += f" mode {mode:04o})"
            return text, f"chown root {name}; chmod go-w {name}"
    return "", ""


def _may(st: os.stat_result, user: User, bits: int) -> bool:
    """Whether the mode gives a user all of these bits of rwx."""
    mode = st.st_mode
    if user.uid == 0:
        # To run, root needs the bit of anybody, and nothing to read.
        return stat.S_ISDIR(mode) or bool(mode & 0o111)
    if st.st_uid == user.uid:
        mode >>= 6
    elif st.st_gid == user.gid:
        mode >>= 3
    return mode & bits == bits


def _runs(path: str, name: str) -> bool:
    """Whether the callers would run what is beside our hook."""
    path = os.path.join(os.path.dirname(path), name)
    return os.path.isfile(path) and os.access(path, os.X_OK)
