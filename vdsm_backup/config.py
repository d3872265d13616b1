# SPDX-License-Identifier: GPL-2.0-or-later
"""
The configuration of this host: the options and their defaults.

Files set the options (config_files.py): /etc/vdsm-backup/vdsm-backup.conf and
its drop-ins. An option that no file sets has its default. A file that exists
and cannot be used is an error.
"""

from __future__ import annotations

import os

from vdsm_backup import config_files, errors
from vdsm_backup.config_values import Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vdsm_backup.config_plain import Sections
    from vdsm_backup.config_values import Texts

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
    "guard": {
        "mode": "enforcing",
        "on_unreadable": "refuse",
        "permits": "/run/vdsm-backup-permits",
    },
    "history": {"dir": "/var/lib/vdsm-backup/history"},
    "vdsm": {
        "host": "localhost",
        "port": "54321",
        "tls": "auto",
        "on_incompatible": "warn",
    },
    "bridge": {"allow": "show, list, set", "domains": ""},
}

# Options of earlier versions, and what has taken their place. They are
# ignored, and `doctor` tells of them. An error would refuse every VM of a host
# that has one.
REMOVED = {
    ("guard", "allow"): "vdsm-backup-domain permit, where a VM must run",
    ("lvm", "config_method"): "nothing, LVM is always limited by --devices",
}

CHOICES = {
    ("storage", "ioprocess"): ("auto", "installed", "embedded"),
    ("guard", "mode"): ("enforcing", "permissive", "disabled"),
    ("guard", "on_unreadable"): ("refuse", "allow"),
    ("vdsm", "tls"): ("auto", "yes", "no"),
    ("vdsm", "on_incompatible"): ("warn", "stop"),
}

# The sections that hooks read, and VDSM where it judges a VM. What is wrong in
# another one must not refuse a VM; whoever reads that one says so.
OF_GUARD = ("storage", "lvm", "sanlock", "guard")

# What a host can let a bridge do.
BRIDGE_VERBS = ("show", "list", "set", "clear")

# The last one, 2**32 - 1, means "no change" to chown(2) and setuid(2).
MAX_ID = 2**32 - 2

# sanlock's MAX_HOST_ID as VDSM limits it: lib/vdsm/storage/clusterlock.py
MAX_HOST_ID = 250

# Characters of a name in a file.
_MAX_SHOWN = 200


class Config(Values):
    """
    The options, each in the type that it is used in. Times are in seconds.

    It has those of some sections; the rest of its attributes is missing.

    path: of the main file.
    removed: the keys of REMOVED that a file sets.
    left_out: why files or directories are not among its files; see
        config_in_part.py.
    command: what was typed, for a shell, by who is not root. "": by root, or
        this is no command.
    """

    command: str = ""
    left_out: Sequence[errors.ConfigInvalid] = ()

    def __init__(
        self,
        path: str,
        values: Texts,
        files: Texts,
        sections: Iterable[str] = tuple(DEFAULTS),
    ) -> None:
        """
        values: of all options. files: for each option that is set by a file,
        the path of that file. sections: those that it has.

        Raises ConfigInvalid for a value that makes no sense.
        """
        super().__init__(path, values, files)
        self.removed = sorted(REMOVED.keys() & values.keys())
        for section in sections:
            getattr(self, f"_{section}")()

    def _storage(self) -> None:
        self.repo_root = self._path("storage", "repo_root")
        self.io_timeout = self._number("storage", "io_timeout", 0.1, 3600)
        self.uid = self._id("user", _uid)
        self.gid = self._id("group", _gid)
        self.ioprocess = self._choice("storage", "ioprocess")

    def _lvm(self) -> None:
        self.lvm_devices = self._list("lvm", "devices")
        self.lv_dir = self._path("lvm", "lv_dir")

    def _sanlock(self) -> None:
        self.host_id = self._whole("sanlock", "host_id", 1, MAX_HOST_ID)
        self.lease_timeout = self._number("sanlock", "timeout", 1, 3600)
        self.settle = self._number("sanlock", "settle", 0, 600)
        self.run_dir = self._path("sanlock", "run_dir")

    def _history(self) -> None:
        self.history_dir = self._path("history", "dir")

    def _guard(self) -> None:
        self.guard_mode = self._choice("guard", "mode")
        self.guard_on_unreadable = self._choice("guard", "on_unreadable")
        self.permits = self._path("guard", "permits")

    def _vdsm(self) -> None:
        self.vdsm_host = self._text("vdsm", "host")
        self.vdsm_port = self._whole("vdsm", "port", 1, 65535)
        self.vdsm_tls = self._choice("vdsm", "tls")
        self.on_incompatible = self._choice("vdsm", "on_incompatible")

    def _bridge(self) -> None:
        self.bridge_allow = self._each_of("bridge", "allow", BRIDGE_VERBS)
        self.bridge_domains = self._uuids("bridge", "domains")

    @property
    def needs_root(self) -> errors.NeedsRoot | None:
        """
        The error of a command that was typed by who may neither read what is
        closed on storage nor run LVM: neither root nor the configured user,
        whom VDSM's installation lets run LVM by sudo. sudo asks others for a
        password, and reports them.
        """
        if self.command and os.getuid() != self.uid:
            return errors.NeedsRoot(self.command)
        return None

    def texts(self) -> Iterator[tuple[str, str, str, str | None]]:
        """
        Yields (section, option, value, file) of all options, in the order of
        DEFAULTS. The value is as the file has it. file: None for a default.
        """
        for section, options in DEFAULTS.items():
            for option in options:
                key = section, option
                yield section, option, self._values[key], self._files.get(key)

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


def _uid(name: str) -> int:
    import pwd

    return pwd.getpwnam(name).pw_uid


def _gid(name: str) -> int:
    import grp

    return grp.getgrnam(name).gr_gid


def load(
    path: str | None = None, sections: Iterable[str] = tuple(DEFAULTS)
) -> Config:
    """
    The options of this host.

    path: of another main file than PATH. It must exist, while PATH need not.
    sections: those that are needed. What the others say does not matter.

    Raises ConfigInvalid if a file or directory exists and cannot be read or
    parsed, or is not root's alone (unless path is given), a section or an
    option is unknown, or a value makes no sense.
    """
    wanted = tuple(sections)
    main, read = main_and_reader(path)
    found = [(name, known(name, said, wanted)) for name, said in read(main)]
    return merged(main, found, wanted)


def main_and_reader(
    path: str | None,
) -> tuple[str, Callable[..., Iterator[tuple[str, Sections]]]]:
    """(the main file, the function that reads it and its drop-ins)"""
    if path is None:
        return PATH, config_files.of_host
    return path, config_files.of_file


def merged(
    main: str, found: Iterable[tuple[str, Texts]], sections: tuple[str, ...]
) -> Config:
    """
    found: (path, its options) of each file, a later one wins. Raises
    ConfigInvalid for a value that makes no sense.
    """
    values = {(s, o): v for s in DEFAULTS for o, v in DEFAULTS[s].items()}
    files: Texts = {}
    for name, said in found:
        values.update(said)
        files.update(dict.fromkeys(said, name))
    return Config(main, values, files, sections)


def known(name: str, sections: Sections, wanted: tuple[str, ...]) -> Texts:
    """
    The options in a file, of the sections that are wanted. Raises
    ConfigInvalid if one is unknown, or any section is.
    """
    found: Texts = {}
    for section, options in sections.items():
        if section not in DEFAULTS:
            raise _unknown(name, f"section [{section}]", DEFAULTS)
        if section not in wanted:
            continue
        for option, value in options.items():
            is_known = option in DEFAULTS[section]
            if not is_known and (section, option) not in REMOVED:
                options_of = DEFAULTS[section]
                what = f"option [{section}] {option}"
                raise _unknown(name, what, options_of)
            found[section, option] = value
    return found


def _unknown(
    name: str, what: str, known: Iterable[str]
) -> errors.ConfigInvalid:
    shown = ascii(what[:_MAX_SHOWN])[1:-1]
    reason = f"unknown {shown} (known: {', '.join(known)})"
    return errors.ConfigInvalid(name, "file", reason)
