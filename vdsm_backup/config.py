# SPDX-License-Identifier: GPL-2.0-or-later
"""
Options and their defaults.

/etc/vdsm-backup/vdsm-backup.conf, then conf.d/*.conf beside it in sorted
order, as VDSM does (lib/vdsm/config.py); a later file wins. Another main file
brings its own conf.d, so tests and demos never see the host's.
"""

import configparser
import glob
import grp
import os
import pwd

from vdsm_backup import errors, policy

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
    "guard": {"mode": "enforcing", "on_unreadable": "refuse", "allow": ""},
    "history": {"dir": "/var/lib/vdsm-backup/history"},
    "vdsm": {
        "host": "localhost",
        "port": "54321",
        "tls": "auto",
        "on_incompatible": "warn",
    },
}

CHOICES = {
    ("storage", "ioprocess"): ("auto", "installed", "embedded"),
    ("lvm", "config_method"): ("auto", "devices", "filter"),
    ("guard", "mode"): policy.MODES,
    ("guard", "on_unreadable"): policy.ON_UNREADABLE,
    ("vdsm", "on_incompatible"): ("warn", "stop"),
}

# The last one, 2**32 - 1, means "no change" to chown(2) and setuid(2).
MAX_ID = 2**32 - 2

# sanlock's MAX_HOST_ID as VDSM limits it: lib/vdsm/storage/clusterlock.py
MAX_HOST_ID = 250


class Config:
    """
    The options, typed; a wrong value is ConfigInvalid when it is loaded.
    Times are in seconds.
    """

    def __init__(self, parser, path):
        self.path = path
        self._parser = parser
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
        self.guard = policy.Settings(
            mode=self._choice("guard", "mode"),
            on_unreadable=self._choice("guard", "on_unreadable"),
            allow=self._operations("guard", "allow"),
        )
        self.vdsm_host = self._text("vdsm", "host")
        self.vdsm_port = self._whole("vdsm", "port", 1, 65535)
        self.on_incompatible = self._choice("vdsm", "on_incompatible")

    def _text(self, section, option):
        value = self._parser.get(section, option).strip()
        if not value:
            raise self._invalid(section, option, "is empty")
        return value

    def _list(self, section, option):
        value = self._parser.get(section, option)
        return [item.strip() for item in value.split(",") if item.strip()]

    def _operations(self, section, option):
        names = self._list(section, option)
        for name in names:
            if name not in policy.REFUSABLE:
                known = ", ".join(policy.REFUSABLE)
                reason = f"{name!a} is none of: {known}"
                raise self._invalid(section, option, reason)
        return tuple(names)

    def _number(self, section, option, low, high):
        value = self._text(section, option)
        try:
            number = float(value)
        except ValueError:
            raise self._invalid(section, option, f"{value!a} is no number")
        if not low <= number <= high:
            reason = f"{value} is not between {low} and {high}"
            raise self._invalid(section, option, reason)
        return int(number) if number.is_integer() else number

    def _whole(self, section, option, low, high):
        number = self._number(section, option, low, high)
        if not isinstance(number, int):
            raise self._invalid(section, option, f"{number} is not whole")
        return number

    def _choice(self, section, option):
        value = self._text(section, option)
        choices = CHOICES[section, option]
        if value not in choices:
            reason = f"{value!a} is none of: {', '.join(choices)}"
            raise self._invalid(section, option, reason)
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
            raise self._invalid("storage", option, f"{value!a} is unknown")

    def _invalid(self, section, option, reason):
        return errors.ConfigInvalid(self.path, f"[{section}] {option}", reason)


def load(path=None):
    """
    The options of this host. Only a `path` that was asked for must exist.

    Raises ConfigInvalid: a file cannot be read or parsed, a section or an
    option is unknown, a value makes no sense.
    """
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict(DEFAULTS)
    main = path or PATH
    for name in [main, *_drop_ins(main)]:
        _read(parser, name, required=path is not None)
    _refuse_unknown(parser, main)
    return Config(parser, main)


def _drop_ins(main):
    directory = os.path.join(glob.escape(os.path.dirname(main)), "conf.d")
    return sorted(glob.glob(os.path.join(directory, "*.conf")))


def _read(parser, name, required):
    try:
        with open(name, encoding="utf-8") as f:
            parser.read_file(f)
    except FileNotFoundError as e:
        if required:
            raise errors.ConfigInvalid(name, "file", e.strerror)
    except OSError as e:
        raise errors.ConfigInvalid(name, "file", e.strerror)
    except (configparser.Error, UnicodeDecodeError) as e:
        reason = str(e).replace("\n", " ")
        raise errors.ConfigInvalid(name, "file", reason)


def _refuse_unknown(parser, path):
    for section in parser.sections():
        if section not in DEFAULTS:
            raise errors.ConfigInvalid(path, f"[{section}]", "is unknown")
        for option in parser.options(section):
            if option not in DEFAULTS[section]:
                where = f"[{section}] {option}"
                raise errors.ConfigInvalid(path, where, "is unknown")
