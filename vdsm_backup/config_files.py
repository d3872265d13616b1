# SPDX-License-Identifier: GPL-2.0-or-later
"""
The files that configure this host, and what they say, as text.

The files of conf.d/*.conf beside the main file are read after it, in sorted
order, as VDSM does (lib/vdsm/config.py). Another main file has its own conf.d,
so tests and demos never see the host's.

A file or directory that exists and cannot be used is an error and is never
ignored: it may be the one that says "enforcing".
"""

from __future__ import annotations

import os
import stat

from vdsm_backup import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vdsm_backup.config_parser import Sections

# Bytes of one file. A file that names thousands of devices is smaller.
MAX_SIZE = 256 * 1024


def read(main: str, required: bool) -> Iterator[tuple[str, Sections]]:
    """
    Yields (path, what the file says) of each file. A later one wins.

    main: the path of the main file. required: it must exist.

    Raises ConfigInvalid if a file or directory exists and cannot be read or
    parsed.
    """
    yield main, _read(main, required)
    for name in _drop_ins(main):
        yield name, _read(name, False)


def _drop_ins(main: str) -> Iterator[str]:
    """The paths of the files in conf.d, in order."""
    directory = os.path.join(os.path.dirname(main), "conf.d")
    try:
        names = sorted(os.listdir(directory))
    except OSError as e:
        _require_absent(directory, e)
        return
    for name in names:
        # Hidden files do not count, as with the shell's *.conf.
        if name.endswith(".conf") and not name.startswith("."):
            yield os.path.join(directory, name)


def _read(name: str, required: bool) -> Sections:
    try:
        data = _content(name)
    except OSError as e:
        if required:
            raise errors.ConfigInvalid(name, "file", e.strerror)
        # A file of conf.d may have been removed since it was listed.
        _require_absent(name, e)
        return {}
    return _parse(name, data)


def _content(name: str) -> bytes:
    # O_NONBLOCK: a FIFO that nobody writes to must not hold up a hook.
    fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) and not _is_null(status):
            raise errors.ConfigInvalid(name, "file", "it is no regular file")
        with open(fd, "rb", closefd=False) as f:
            data = f.read(MAX_SIZE + 1)
    finally:
        os.close(fd)
    if len(data) > MAX_SIZE:
        reason = f"it is larger than {MAX_SIZE} bytes"
        raise errors.ConfigInvalid(name, "file", reason)
    return data


def _is_null(status: os.stat_result) -> bool:
    """
    Whether this is the status of /dev/null, which somebody names who wants no
    configuration.
    """
    null = os.stat(os.devnull)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == null.st_rdev


def _require_absent(path: str, error: OSError) -> None:
    """
    Raise ConfigInvalid, unless the error says that nothing exists at the path.
    A link that leads nowhere exists.
    """
    try:
        if isinstance(error, FileNotFoundError) and _is_absent(path):
            return
    except OSError as e:
        error = e
    reason = error.strerror
    if isinstance(error, FileNotFoundError):
        reason = "it is, or is behind, a link that leads nowhere"
    raise errors.ConfigInvalid(path, "file", reason)


def _is_absent(path: str) -> bool:
    """
    Whether nothing exists at a path that cannot be opened, because the path or
    a directory on the way to it is missing. Links that lead nowhere exist.
    """
    try:
        os.lstat(path)
    except FileNotFoundError:
        parent = os.path.dirname(os.path.abspath(path))
        return os.path.isdir(parent) or _is_absent(parent)
    return False


def _parse(name: str, data: bytes) -> Sections:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        reason = f"it is not UTF-8 text at byte {e.start}"
        raise errors.ConfigInvalid(name, "file", reason)
    if _says_nothing(text):
        return {}
    # It takes long to import, and a hook of most hosts does not need it.
    from vdsm_backup import config_parser

    return config_parser.parse(name, text)


def _says_nothing(text: str) -> bool:
    """Whether there is nothing but comments and blank lines."""
    return all(
        line.strip()[:1] in ("", "#", ";") for line in text.splitlines()
    )
