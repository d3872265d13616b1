# SPDX-License-Identifier: GPL-2.0-or-later
"""
The files that configure this host, and what they say, as text.

After the main file come the drop-ins: the files *.conf of three directories,
sorted together by their base names. Of several files with one base name only
one counts: /etc hides /run, and /run hides /usr/lib. So a file of a package
is replaced, or masked by a link to /dev/null, under its own name in /etc.

    conf.d beside the main file     of who runs this host
    /run/vdsm-backup-conf.d         until the next boot
    /usr/lib/vdsm-backup/conf.d     of packages

VDSM reads three such directories, too (lib/vdsm/common/config.py).

A file or directory that exists and cannot be used is an error and is never
ignored: it may be the one that says "enforcing". For the same reason, all of
these files and directories must be root's, and nobody else may write to them.
Who only shows what there is may go on without it, and then says so.

Another main file, which somebody has named, has only the conf.d beside it, so
tests and demos never see the host's. It may be anybody's.
"""

from __future__ import annotations

import os
import stat

from vdsm_backup import config_plain, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vdsm_backup.config_plain import Sections

    # Called with each error of what cannot be used, which it may raise.
    Told = Callable[[errors.ConfigInvalid], None]

# Not below [sanlock] run_dir, which is the configured user's.
RUN_DROP_INS = "/run/vdsm-backup-conf.d"
PACKAGE_DROP_INS = "/usr/lib/vdsm-backup/conf.d"

# Bytes of one file. A file that names thousands of devices is smaller.
MAX_SIZE = 256 * 1024


def raised(error: errors.ConfigInvalid) -> None:
    """Where nothing that is there may be left out."""
    raise error


def of_host(main: str, tell: Told = raised) -> Iterator[tuple[str, Sections]]:
    """
    Yields (path, what the file says) of each file of this host. A later one
    wins. main: the path of the main file, which need not exist.

    tell: called with a ConfigInvalid if a file or directory exists and cannot
    be read or parsed, is not root's, or may be written by others. If it does
    not raise that, the others are yielded.
    """
    places = [RUN_DROP_INS, PACKAGE_DROP_INS]
    directory = os.path.dirname(main)
    try:
        if os.path.isdir(directory):
            _require_roots(directory, os.stat(directory))
    except errors.ConfigInvalid as e:
        tell(e)
    else:
        places.insert(0, _beside(main))
        yield from _said([main], True, tell)
    yield from _said(drop_ins(places, True, tell), True, tell)


def of_file(main: str, tell: Told = raised) -> Iterator[tuple[str, Sections]]:
    """
    The same of a main file that somebody has named, and of the conf.d beside
    it. They may be anybody's.

    Raises ConfigInvalid if the main file does not exist, or cannot be used:
    who has named it does not mean anything else. tell: of all else.
    """
    yield main, _read(main, required=True, roots=False)
    names = drop_ins((_beside(main),), False, tell)
    yield from _said(names, False, tell)


def _said(
    names: Iterable[str], roots: bool, tell: Told
) -> Iterator[tuple[str, Sections]]:
    for name in names:
        try:
            said = _read(name, required=False, roots=roots)
        except errors.ConfigInvalid as e:
            tell(e)
        else:
            yield name, said


def drop_ins(
    directories: Iterable[str], roots: bool, tell: Told = raised
) -> list[str]:
    """
    The paths of the drop-ins that count, in order.

    directories: an earlier one hides files of a later one. roots: all must be
    root's. tell: of a directory that cannot be used.
    """
    found: dict[str, str] = {}
    for directory in directories:
        try:
            names = _names(directory, roots)
        except errors.ConfigInvalid as e:
            tell(e)
            continue
        for name in names:
            # Hidden files do not count, as with the shell's *.conf.
            if name.endswith(".conf") and not name.startswith("."):
                found.setdefault(name, os.path.join(directory, name))
    return [found[name] for name in sorted(found)]


def _beside(main: str) -> str:
    return os.path.join(os.path.dirname(main), "conf.d")


def _names(directory: str, roots: bool) -> list[str]:
    """The names in a directory, none if it does not exist."""
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as e:
        _require_absent(directory, e)
        return []
    try:
        if roots:
            _require_roots(directory, os.fstat(fd))
        return os.listdir(fd)
    finally:
        os.close(fd)


def _require_roots(path: str, status: os.stat_result) -> None:
    """Raise ConfigInvalid if somebody else than root decides what is here."""
    if status.st_uid != 0:
        reason = (
            f"it belongs to user {status.st_uid}, and root alone configures"
            " this host"
        )
    elif stat.S_IMODE(status.st_mode) & 0o022:
        reason = (
            f"others than root may write to it (mode"
            f" {stat.S_IMODE(status.st_mode):o})"
        )
    else:
        return
    raise errors.ConfigInvalid(path, "file", reason)


def _read(name: str, required: bool, roots: bool) -> Sections:
    try:
        data = _content(name, roots)
    except OSError as e:
        if required:
            raise errors.ConfigInvalid(name, "file", e.strerror)
        # A file of conf.d may have been removed since it was listed.
        _require_absent(name, e)
        return {}
    return _parse(name, data)


def _content(name: str, roots: bool) -> bytes:
    # O_NONBLOCK: a FIFO that nobody writes to must not hold up a hook.
    fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            if not _is_null(status):
                reason = "it is no regular file"
                raise errors.ConfigInvalid(name, "file", reason)
        elif roots:
            _require_roots(name, status)
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
    sections = config_plain.parse(text)
    if sections is not None:
        return sections
    # It takes long to import, and hooks of most hosts do not need it.
    from vdsm_backup import config_parser

    return config_parser.parse(name, text)
