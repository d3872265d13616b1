# SPDX-License-Identifier: GPL-2.0-or-later
"""
Options and their defaults.

/etc/vdsm-backup/vdsm-backup.conf, then conf.d/*.conf beside it in sorted
order, as VDSM does (lib/vdsm/config.py); a later file wins. Another main file
brings its own conf.d, so tests and demos never see the host's.

A file or directory that is there and cannot be used is an error, never
ignored: it may be the one that says "enforcing". Only what is not there at all
leaves the defaults.
"""

import configparser
import grp
import io
import os
import pwd
import re
import stat

from vdsm_backup import errors

PATH = "/etc/vdsm-backup/vdsm-backup.conf"

# lib/vdsm/constants.py and every oVirt host: vdsm is 36, kvm is 36. Storage
# is owned by these numbers also where the names are unknown, or where kvm has
# another number (Debian).
OVIRT_IDS = {"vdsm": 36, "kvm": 36}

DEFAULTS = {
    "storage": {
        "repo_root": "/rhev/data-center",
        "io_timeout": "30",
        "user": "vdsm",
        "group": "kvm",
        "ioprocess": "auto",
    },
    "lvm": {"devices": "", "config_method": "auto", "lv_dir": "/dev"},
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

# Options of earlier versions, and what has taken their place. They are ignored
# and told by `doctor`: an error would refuse every VM of a host that has one.
REMOVED = {
    ("guard", "allow"): "[guard] mode = permissive, where a VM must run",
}

CHOICES = {
    ("storage", "ioprocess"): ("auto", "installed", "embedded"),
    ("lvm", "config_method"): ("auto", "devices", "filter"),
    ("guard", "mode"): ("enforcing", "permissive", "disabled"),
    ("guard", "on_unreadable"): ("refuse", "allow"),
    ("vdsm", "tls"): ("auto", "yes", "no"),
    ("vdsm", "on_incompatible"): ("warn", "stop"),
}

# The last one, 2**32 - 1, means "no change" to chown(2) and setuid(2).
MAX_ID = 2**32 - 2

# sanlock's MAX_HOST_ID as VDSM limits it: lib/vdsm/storage/clusterlock.py
MAX_HOST_ID = 250

# Bytes of one file. Thousands of devices fit.
MAX_SIZE = 256 * 1024

# Characters of what the parser says, which quotes whole lines.
_MAX_REASON = 200


class Config:
    """
    The options, typed; a wrong value is ConfigInvalid when it is loaded.
    Times are in seconds.

    path: of the main file. values: {(section, option): text}. files: of those
    that a file has, which one. removed: keys of REMOVED that a file has.
    """

    def __init__(self, path, values, files):
        self.path = path
        self.removed = sorted(REMOVED.keys() & values.keys())
        self._values = values
        self._files = files
        self.repo_root = self._text("storage", "repo_root")
        self.io_timeout = self._number("storage", "io_timeout", 0.1, 3600)
        self.uid = self._id("user", pwd.getpwnam, "pw_uid")
        self.gid = self._id("group", grp.getgrnam, "gr_gid")
        self.ioprocess = self._choice("storage", "ioprocess")
        self.lvm_devices = self._list("lvm", "devices")
        self.lvm_config_method = self._choice("lvm", "config_method")
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
        """The file that the value is from; of a default, the main file."""
        return self._files.get((section, option), self.path)

    def invalid(
        self, section: str, option: str, reason: str
    ) -> errors.ConfigInvalid:
        """The error of an option that cannot be used as it is."""
        path = self.file_of(section, option)
        return errors.ConfigInvalid(path, f"[{section}] {option}", reason)

    def _text(self, section, option):
        value = self._values[section, option].strip()
        if "\0" in value:
            # No path and no name of a user has it, and no call takes it.
            raise self.invalid(section, option, "has a NUL")
        if not value:
            raise self.invalid(section, option, "is empty")
        return value

    def _list(self, section, option):
        value = self._values[section, option]
        if "\0" in value:
            raise self.invalid(section, option, "has a NUL")
        return [item.strip() for item in value.split(",") if item.strip()]

    def _number(self, section, option, low, high):
        value = self._text(section, option)
        try:
            number = float(value)
        except ValueError:
            raise self.invalid(section, option, f"{value!a} is no number")
        if not low <= number <= high:
            reason = f"{value} is not between {low} and {high}"
            raise self.invalid(section, option, reason)
        return int(number) if number.is_integer() else number

    def _whole(self, section, option, low, high):
        number = self._number(section, option, low, high)
        if not isinstance(number, int):
            raise self.invalid(section, option, f"{number} is not whole")
        return number

    def _choice(self, section, option):
        value = self._text(section, option)
        choices = CHOICES[section, option]
        if value not in choices:
            reason = f"{value!a} is none of: {', '.join(choices)}"
            raise self.invalid(section, option, reason)
        return value

    def _id(self, option, lookup, field):
        value = self._text("storage", option)
        if value.isdecimal():
            return self._whole("storage", option, 0, MAX_ID)
        if value in OVIRT_IDS:
            return OVIRT_IDS[value]
        try:
            return getattr(lookup(value), field)
        except KeyError:
            raise self.invalid("storage", option, f"{value!a} is unknown")


def load(path=None):
    """
    The options of this host. Only a `path` that was asked for must exist.

    Raises ConfigInvalid: a file or directory is there and cannot be read or
    parsed, a section or an option is unknown, a value makes no sense.
    """
    main = PATH if path is None else path
    values = {(s, o): v for s in DEFAULTS for o, v in DEFAULTS[s].items()}
    files = {}
    for name in _names(main):
        found = _read(name, required=path is not None and name == main)
        values.update(found)
        files.update(dict.fromkeys(found, name))
    return Config(main, values, files)


def _names(main):
    """The files, in the order in which they count."""
    yield main
    directory = os.path.join(os.path.dirname(main), "conf.d")
    try:
        names = sorted(os.listdir(directory))
    except OSError as e:
        _require_absent(directory, e)
        return
    for name in names:
        # As a shell's *.conf: hidden ones are not meant.
        if name.endswith(".conf") and not name.startswith("."):
            yield os.path.join(directory, name)


def _read(name, required):
    """The options of a file: {(section, option): text}."""
    try:
        data = _content(name)
    except OSError as e:
        if required:
            raise errors.ConfigInvalid(name, "file", e.strerror)
        # A drop-in may have been taken away since it was listed.
        _require_absent(name, e)
        return {}
    return _parse(name, data)


def _content(name):
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


def _is_null(status):
    """/dev/null: what somebody names who wants no configuration."""
    null = os.stat(os.devnull)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == null.st_rdev


def _require_absent(path, error):
    """
    Raises ConfigInvalid unless the OSError is that nothing is there: no link
    that leads nowhere either.
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


def _is_absent(path):
    try:
        os.lstat(path)
    except FileNotFoundError:
        parent = os.path.dirname(os.path.abspath(path))
        return os.path.isdir(parent) or _is_absent(parent)
    return False


class _Parser(configparser.ConfigParser):
    """
    One that overlooks nothing behind the name of a section: an option there
    would be lost. A comment may stand there.
    """

    SECTCRE = re.compile(r"\[(?P<header>[^]]+)\][ \t]*(?:[#;].*)?$")


def _parse(name, data):
    # With no default section: it would set options of all others.
    parser = _Parser(interpolation=None, default_section="")
    try:
        parser.read_file(io.StringIO(data.decode("utf-8"), newline=None), name)
    except UnicodeDecodeError as e:
        reason = f"it is not UTF-8 text at byte {e.start}"
        raise errors.ConfigInvalid(name, "file", reason)
    except configparser.Error as e:
        reason = str(e).replace("\n", " ")[:_MAX_REASON]
        raise errors.ConfigInvalid(name, "file", reason)
    found = {}
    for section in parser.sections():
        if section not in DEFAULTS:
            raise _unknown(name, f"[{section}]")
        for option, value in parser.items(section):
            known = option in DEFAULTS[section]
            if not known and (section, option) not in REMOVED:
                raise _unknown(name, f"[{section}] {option}")
            found[section, option] = value
    return found


def _unknown(name, what):
    shown = ascii(what[:_MAX_REASON])[1:-1]
    return errors.ConfigInvalid(name, shown, "is unknown")
