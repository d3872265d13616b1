# SPDX-License-Identifier: GPL-2.0-or-later
"""
The configuration of a bridge: /etc/vdsm-backup/bridge.conf, beside the engine.

It is another file than that of a host, since a bridge runs where no host is.
What is secret is not in it: the password and the key are files of their own,
which systemd hands out as credentials (LoadCredential= in the unit).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from vdsm_backup import config_parser, errors
from vdsm_backup.text import is_uuid, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/etc/vdsm-backup/bridge.conf"

# {section: {option: default}}. None: there is none, and it must be set.
DEFAULTS: dict[str, dict[str, str | None]] = {
    "engine": {
        "url": None,
        "ca_file": "/etc/pki/ovirt-engine/ca.pem",
        "user": None,
        "password_file": "",
    },
    "hosts": {"user": "", "identity_file": ""},
    "bridge": {
        "poll": "5",
        "compare": "300",
        "on_untick": "report",
        "untick_grace": "1800",
        "domains": "",
        "state": "/var/lib/vdsm-backup/bridge",
        "metrics": "",
    },
}

# Names of the credentials in the unit, and of the files that it takes them
# from: LoadCredential= of contrib/systemd/vdsm-backup-domain-bridge.service.
SECRETS = "/etc/vdsm-backup/bridge"
PASSWORD = "password"
IDENTITY = "identity"

_ON_UNTICK = ("report", "clear")

# Bytes of a password.
_MAX_PASSWORD = 4096


class Settings(NamedTuple):
    """
    url: of the engine's API.
    ca_file: None: the CAs of this machine.
    host_user: by which hosts are reached; "": as the engine has it.
    poll, compare: seconds between two looks at the events, and between two
        at all domains.
    grace: as in shapes.Policy.
    domains: UUIDs of those to look after; none: all.
    state: the directory for what the bridge keeps.
    metrics: the file for the values to watch, "" for none.
    """

    url: str
    ca_file: str | None
    user: str
    password_file: str
    host_user: str
    identity_file: str
    poll: float
    compare: float
    on_untick_clear: bool
    grace: float
    domains: tuple[str, ...]
    state: str
    metrics: str

    @property
    def engine(self) -> str:
        """The name of the engine's host."""
        return urlsplit(self.url).hostname or ""

    def password(self) -> str:
        """Read anew for each login. Raises BridgeConfig."""
        try:
            with open(self.password_file, encoding="utf-8") as f:
                found = f.read(_MAX_PASSWORD).rstrip("\r\n")
        except (OSError, ValueError) as e:
            reason = getattr(e, "strerror", None) or "it is no text"
            raise errors.BridgeConfig(self.password_file, reason)
        if not found:
            raise errors.BridgeConfig(self.password_file, "it is empty")
        return found


def load(path: str, environ: Mapping[str, str]) -> Settings:
    """
    environ: with CREDENTIALS_DIRECTORY, if systemd has started us.

    Raises BridgeConfig.
    """
    try:
        with open(path, encoding="utf-8") as f:
            text = f.read()
    except (OSError, ValueError) as e:
        reason = getattr(e, "strerror", None) or "it is no text"
        raise errors.BridgeConfig(path, reason)
    try:
        sections = config_parser.parse(path, text)
    except errors.ConfigInvalid as e:
        raise errors.BridgeConfig(path, printable(e.reason))
    return _Reader(path, sections, environ).settings()


class _Reader:
    """Of one file. Methods raise BridgeConfig."""

    def __init__(
        self,
        path: str,
        sections: dict[str, dict[str, str]],
        environ: Mapping[str, str],
    ) -> None:
        self._path = path
        self._credentials = environ.get("CREDENTIALS_DIRECTORY", SECRETS)
        self._values: dict[tuple[str, str], str] = {}
        for section, options in sections.items():
            for option, value in options.items():
                if option not in DEFAULTS.get(section, {}):
                    raise self._wrong(section, option, "is unknown")
                self._values[section, option] = value.strip()

    def settings(self) -> Settings:
        return Settings(
            url=self._url(),
            ca_file=self._text("engine", "ca_file") or None,
            user=self._needed("engine", "user"),
            password_file=self._secret("engine", "password_file", PASSWORD),
            host_user=self._text("hosts", "user"),
            identity_file=self._secret("hosts", "identity_file", IDENTITY),
            poll=self._number("bridge", "poll", 1, 600),
            compare=self._number("bridge", "compare", 10, 86_400),
            on_untick_clear=self._choice("bridge", "on_untick", _ON_UNTICK)
            == "clear",
            grace=self._number("bridge", "untick_grace", 0, 86_400),
            domains=self._uuids("bridge", "domains"),
            state=self._path_of("bridge", "state"),
            metrics=self._text("bridge", "metrics"),
        )

    def _wrong(
        self, section: str, option: str, reason: str
    ) -> errors.BridgeConfig:
        name = printable(f"[{section}] {option}")
        return errors.BridgeConfig(self._path, f"{name} {reason}")

    def _text(self, section: str, option: str) -> str:
        default = DEFAULTS[section][option] or ""
        return self._values.get((section, option), default)

    def _needed(self, section: str, option: str) -> str:
        value = self._text(section, option)
        if not value:
            raise self._wrong(section, option, "is not set")
        return value

    def _url(self) -> str:
        url = self._needed("engine", "url").rstrip("/")
        if not url.startswith("https://"):
            # The password would be readable on the way.
            raise self._wrong("engine", "url", "does not begin with https://")
        return url

    def _path_of(self, section: str, option: str) -> str:
        value = self._needed(section, option)
        if not value.startswith("/"):
            raise self._wrong(section, option, "is no absolute path")
        return value

    def _secret(self, section: str, option: str, credential: str) -> str:
        if self._text(section, option):
            return self._path_of(section, option)
        return os.path.join(self._credentials, credential)

    def _number(
        self, section: str, option: str, low: float, high: float
    ) -> float:
        value = self._needed(section, option)
        try:
            number = float(value)
        except ValueError:
            raise self._wrong(section, option, f"is no number: {value!a}")
        if not low <= number <= high:
            reason = f"is not between {low} and {high}: {value}"
            raise self._wrong(section, option, reason)
        return number

    def _choice(
        self, section: str, option: str, choices: tuple[str, ...]
    ) -> str:
        value = self._needed(section, option)
        if value not in choices:
            reason = f"is none of {', '.join(choices)}: {value!a}"
            raise self._wrong(section, option, reason)
        return value

    def _uuids(self, section: str, option: str) -> tuple[str, ...]:
        texts = self._text(section, option).replace(",", " ").split()
        for text in texts:
            if not is_uuid(text):
                raise self._wrong(section, option, f"has no UUID: {text!a}")
        return tuple(texts)
