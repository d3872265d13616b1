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

import configparser
import io
import os
import re
import stat

from vdsm_backup import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    # {section: {option: text}} of one file
    Sections = dict[str, dict[str, str]]

# Bytes of one file. A file that names thousands of devices is smaller.
MAX_SIZE = 256 * 1024

# Characters of a message of the parser, which quotes whole lines.
_MAX_SHOWN = 200


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


class _Parser(configparser.ConfigParser):
    """
    A parser that accepts nothing but a comment behind [section] on one line.
    Python's own ignores what stands there, and an option would be lost.
    """

    SECTCRE = re.compile(r"\[(?P<header>[^]]+)\][ \t]*(?:[#;].*)?$")


def _parse(name: str, data: bytes) -> Sections:
    # There is no default section, which would set options of all sections.
    parser = _Parser(interpolation=None, default_section="")
    try:
        parser.read_file(io.StringIO(data.decode("utf-8"), newline=None), name)
    except UnicodeDecodeError as e:
        reason = f"it is not UTF-8 text at byte {e.start}"
        raise errors.ConfigInvalid(name, "file", reason)
    except configparser.Error as e:
        reason = str(e).replace("\n", " ")[:_MAX_SHOWN]
        raise errors.ConfigInvalid(name, "file", reason)
    return {
        section: dict(parser.items(section)) for section in parser.sections()
    }
