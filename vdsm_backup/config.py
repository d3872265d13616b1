# SPDX-License-Identifier: GPL-2.0-or-later
"""
The configuration of this host: the options, their defaults, and the files
that set them.

The main file is /etc/vdsm-backup/vdsm-backup.conf. After it the files of
conf.d/*.conf beside it are read in sorted order, as VDSM does
(lib/vdsm/config.py); a later file wins. Another main file has its own conf.d,
so tests and demos never see the host's.

A file or directory that exists and cannot be used is an error and is never
ignored: it may be the one that says "enforcing". Only where nothing exists the
defaults are left as they are.
"""

from __future__ import annotations

import configparser
import grp
import io
import os
import pwd
import re
import stat

from vdsm_backup import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # {(section, option): text}, of values or of the files that set them
    Texts = dict[tuple[str, str], str]

PATH = "/etc/vdsm-backup/vdsm-backup.conf"

# User vdsm and group kvm are 36 on every oVirt host, and in
# lib/vdsm/constants.py. Storage is owned by these numbers also where the names
# are unknown, or where kvm has another number (Debian).
OVIRT_IDS = {"vdsm": 36, "kvm": 36}

DEFAULTS = {
    "storage": {
        "repo_root": "/rhev/data-center",
        "io_timeout": "30",
        "user": "vdsm",
        "group": "kvm",
        "ioprocess": "auto",
    },
    "lvm": {"devices": "", "lv_dir": "/dev"},
    "sanlock": {
        "host_id": "250",
        "timeout": "180",
        "settle": "3",
        "run_dir": "/run/vdsm-backup",
    },
    "guard": {"mode": "enforcing", "on_unreadable": "refuse"},
    "history": {"dir": "/var/lib/vdsm-backup/history"},
    "vdsm": {
        "host": "localhost",
        "port": "54321",
        "tls": "auto",
        "on_incompatible": "warn",
    },
}

# Options of earlier versions, and what has taken their place. They are
# ignored, and `doctor` tells of them. An error would refuse every VM of a host
# that has one.
REMOVED = {
    ("guard", "allow"): "[guard] mode = permissive, where a VM must run",
    ("lvm", "config_method"): "nothing, LVM is always limited by --devices",
}

CHOICES = {
    ("storage", "ioprocess"): ("auto", "installed", "embedded"),
    ("guard", "mode"): ("enforcing", "permissive", "disabled"),
    ("guard", "on_unreadable"): ("refuse", "allow"),
    ("vdsm", "tls"): ("auto", "yes", "no"),
    ("vdsm", "on_incompatible"): ("warn", "stop"),
}

# The last one, 2**32 - 1, means "no change" to chown(2) and setuid(2).
MAX_ID = 2**32 - 2

# sanlock's MAX_HOST_ID as VDSM limits it: lib/vdsm/storage/clusterlock.py
MAX_HOST_ID = 250

# Bytes of one file. A file that names thousands of devices is smaller.
MAX_SIZE = 256 * 1024

# Characters of a message of the parser, which quotes whole lines, or of a name
# in a file.
_MAX_SHOWN = 200


class Config:
    """
    The options, each in the type that it is used in. Times are in seconds.

    path: of the main file.
    removed: the keys of REMOVED that a file sets.
    """

    def __init__(self, path: str, values: Texts, files: Texts) -> None:
        """
        values: of all options. files: for each option that is set by a file,
        the path of that file.

        Raises ConfigInvalid for a value that makes no sense.
        """
        self.path = path
        self.removed = sorted(REMOVED.keys() & values.keys())
        self._values = values
        self._files = files
        self.repo_root = self._text("storage", "repo_root")
        self.io_timeout = self._number("storage", "io_timeout", 0.1, 3600)
        self.uid = self._id("user", lambda name: pwd.getpwnam(name).pw_uid)
        self.gid = self._id("group", lambda name: grp.getgrnam(name).gr_gid)
        self.ioprocess = self._choice("storage", "ioprocess")
        self.lvm_devices = self._list("lvm", "devices")
        # The storage packages still ask for it; the option was removed.
        self.lvm_config_method = "auto"
        self.lv_dir = self._text("lvm", "lv_dir")
        self.host_id = self._whole("sanlock", "host_id", 1, MAX_HOST_ID)
        self.lease_timeout = self._number("sanlock", "timeout", 1, 3600)
        self.settle = self._number("sanlock", "settle", 0, 600)
        self.run_dir = self._text("sanlock", "run_dir")
        self.history_dir = self._text("history", "dir")
        self.guard_mode = self._choice("guard", "mode")
        self.guard_on_unreadable = self._choice("guard", "on_unreadable")
        self.vdsm_host = self._text("vdsm", "host")
        self.vdsm_port = self._whole("vdsm", "port", 1, 65535)
        self.vdsm_tls = self._choice("vdsm", "tls")
        self.on_incompatible = self._choice("vdsm", "on_incompatible")

    def file_of(self, section: str, option: str) -> str:
        """The file that sets an option. For a default it is the main file."""
        return self._files.get((section, option), self.path)

    def invalid(
        self, section: str, option: str, reason: str
    ) -> errors.ConfigInvalid:
        """The error of an option that cannot be used as it is."""
        path = self.file_of(section, option)
        return errors.ConfigInvalid(path, f"[{section}] {option}", reason)

    def _text(self, section: str, option: str) -> str:
        value = self._values[section, option].strip()
        if "\0" in value:
            # No path and no name of a user has a NUL, and no call takes one.
            raise self.invalid(section, option, "has a NUL")
        if not value:
            raise self.invalid(section, option, "is empty")
        return value

    def _list(self, section: str, option: str) -> list[str]:
        value = self._values[section, option]
        if "\0" in value:
            raise self.invalid(section, option, "has a NUL")
        return [item.strip() for item in value.split(",") if item.strip()]

    def _number(
        self, section: str, option: str, low: float, high: float
    ) -> float:
        """The value. One that is whole is an int, which is shown as such."""
        value = self._text(section, option)
        try:
            number = float(value)
        except ValueError:
            raise self.invalid(section, option, f"{value!a} is no number")
        if not low <= number <= high:
            reason = f"{value} is not between {low} and {high}"
            raise self.invalid(section, option, reason)
        return int(number) if number.is_integer() else number

    def _whole(self, section: str, option: str, low: int, high: int) -> int:
        number = self._number(section, option, low, high)
        if not isinstance(number, int):
            raise self.invalid(section, option, f"{number} is not whole")
        return number

    def _choice(self, section: str, option: str) -> str:
        value = self._text(section, option)
        choices = CHOICES[section, option]
        if value not in choices:
            reason = f"{value!a} is none of: {', '.join(choices)}"
            raise self.invalid(section, option, reason)
        return value

    def _id(self, option: str, lookup: Callable[[str], int]) -> int:
        """
        The number of a user or group that is configured by name or number.

        lookup: the number of a name of this host; raises KeyError.
        """
        value = self._text("storage", option)
        if value.isdecimal():
            return self._whole("storage", option, 0, MAX_ID)
        if value in OVIRT_IDS:
            return OVIRT_IDS[value]
        try:
            return lookup(value)
        except KeyError:
            raise self.invalid("storage", option, f"{value!a} is unknown")


def load(path: str | None = None) -> Config:
    """
    The options of this host.

    path: of another main file than PATH. It must exist, while PATH need not.

    Raises ConfigInvalid if a file or directory exists and cannot be read or
    parsed, a section or an option is unknown, or a value makes no sense.
    """
    main = PATH if path is None else path
    values = {(s, o): v for s in DEFAULTS for o, v in DEFAULTS[s].items()}
    files: Texts = {}
    for name in _names(main):
        found = _read(name, required=path is not None and name == main)
        values.update(found)
        files.update(dict.fromkeys(found, name))
    return Config(main, values, files)


def _names(main: str) -> Iterator[str]:
    """The paths of the files. A later one wins."""
    yield main
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


def _read(name: str, required: bool) -> Texts:
    """
    What a file sets.

    required: the file must exist.
    """
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


def _parse(name: str, data: bytes) -> Texts:
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
    found: Texts = {}
    for section in parser.sections():
        if section not in DEFAULTS:
            raise _unknown(name, f"[{section}]")
        for option, value in parser.items(section):
            known = option in DEFAULTS[section]
            if not known and (section, option) not in REMOVED:
                raise _unknown(name, f"[{section}] {option}")
            found[section, option] = value
    return found


def _unknown(name: str, what: str) -> errors.ConfigInvalid:
    shown = ascii(what[:_MAX_SHOWN])[1:-1]
    return errors.ConfigInvalid(name, shown, "is unknown")
