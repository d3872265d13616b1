# SPDX-License-Identifier: GPL-2.0-or-later
"""
Child process: runs a module of the product without any privilege. What it
reads is from storage or from other programs, and may be hostile.

    main([MODULE, ARG...])     spawn.confined() makes the command

A tool that was started as root changes its effective user only, and its
children inherit that: they could be root again whenever they like. drop()
takes this from a process for good:

- the real and the saved user and group become the effective ones, and the
  process is in no other group;
- it has no capability, and none can come back: the bounding set is empty,
  where we may empty it;
- no_new_privs: nothing that it runs gets privileges, sudo included, which
  VDSM's installation gives to the user vdsm.

A process whose effective user is root has been configured so ([storage]
user). It keeps what root has for files that belong to others, _OF_ROOT.
"""

from __future__ import annotations

import ctypes
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# include/uapi/linux/prctl.h
_PR_SET_NAME = 15
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38

# include/uapi/linux/capability.h: the version of capset()'s arguments, and
# CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER.
_VERSION_3 = 0x20080522
_OF_ROOT = (1 << 1) | (1 << 2) | (1 << 3)

# More than there are; the kernel refuses the first that it does not know.
_MAX_CAPABILITY = 64

_libc = ctypes.CDLL(None, use_errno=True)


def main(args: Sequence[str]) -> None:
    import importlib

    module, *rest = args
    drop()
    importlib.import_module(module).main(rest)


def drop() -> None:
    """
    Take all privileges from this process, which has one thread. Raises
    OSError if that cannot be done; then the process must not go on.
    """
    uid, gid = os.geteuid(), os.getegid()
    kept = _OF_ROOT if uid == 0 else 0
    permitted = _permitted()
    kept &= permitted
    if permitted:
        # Only a capability that is effective counts.
        _set_capabilities(permitted)
        _empty_bounding_set(kept)
        if os.getgroups():
            os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    _set_capabilities(kept)
    _call(_libc.prctl, _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def name(text: str) -> None:
    """What the kernel calls this process, at most 15 characters."""
    # Not by /proc/self/comm: that is root's, where we were root.
    _call(_libc.prctl, _PR_SET_NAME, text.encode("ascii"), 0, 0, 0)


def _empty_bounding_set(kept: int) -> None:
    for number in range(_MAX_CAPABILITY):
        if not kept >> number & 1:
            # Without CAP_SETPCAP it stays as it is. no_new_privs keeps us
            # from getting what is in it.
            _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)


def _permitted() -> int:
    """The capabilities that this process may have, a bit for each."""
    data = ctypes.create_string_buffer(24)
    _call(_libc.capget, _header(), data)
    _, low, _, _, high, _ = struct.unpack("=6I", data.raw)
    return low | high << 32


def _set_capabilities(bits: int) -> None:
    """Make these the permitted and effective ones; inherit none."""
    low, high = bits & 0xFFFFFFFF, bits >> 32
    data = struct.pack("=6I", low, low, 0, high, high, 0)
    _call(_libc.capset, _header(), data)


def _header() -> bytes:
    return struct.pack("=Ii", _VERSION_3, 0)


def _call(function: ctypes._NamedFuncPointer, *args: Any) -> None:
    if function(*args) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
