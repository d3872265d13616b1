# SPDX-License-Identifier: GPL-2.0-or-later
"""
VDSM of this host: what it does by its own API.

The API is used by VDSM's own Python client, which every VDSM host has. Nothing
else of VDSM is imported outside of the plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from typing import Any

# lib/yajsonrpc/exception.py, JsonRpcMethodNotFoundError.
METHOD_NOT_FOUND = -32601

# Of StoragePool.getSpmStatus: SPM_ACQUIRED in lib/vdsm/storage/sp.py
_SPM = "SPM"

# No storage domain has this UUID.
_NOBODY = "00000000-0000-0000-0000-000000000000"

# What the plugin says of a `by` that makes no sense.
_INVALID_BY = str(errors.InvalidArgument("by", ""))

# Seconds. A change looks for VMs, takes a lease, and looks again.
ASK = 30
CHANGE = 300


class Unreachable(Exception):
    """VDSM was not asked; the text says why."""


class NoClient(Unreachable):
    """This Python has no client of VDSM."""


class Unanswered(Exception):
    """VDSM was asked, and nobody knows what became of it."""


class Refused(Exception):
    """VDSM's answer was an error: its code, and its text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Spm(NamedTuple):
    """
    The SPM of a pool.

    here: whether it is this host. host_id: which host it is; -1: none.
    """

    here: bool
    host_id: int


class Plugin(NamedTuple):
    """
    The plugin in VDSM.

    takes_by: whether it takes from us who makes a change.
    """

    takes_by: bool


class Vdsm:
    """
    A connection to VDSM, made when it is entered as a context manager.

    tls: "yes", "no", or "auto": as VDSM's own configuration says.

    Methods raise Unreachable, Unanswered, Refused.
    """

    def __init__(self, host: str, port: int, tls: str) -> None:
        self._address = host, port
        self._tls = tls
        # VDSM's client has no types.
        self._client: Any = None

    def __enter__(self) -> Vdsm:
        _quiet()
        host, port = self._address
        try:
            from vdsm import client

            self._client = client.connect(host, port, use_tls=self._use_tls())
        except ImportError as e:
            raise NoClient(f"VDSM's client is not installed: {e}")
        except client.Error as e:
            text = f"VDSM of this host cannot be reached: {e}"
            raise Unreachable(printable(text))
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def spm(self, pool: str) -> Spm:
        """The SPM of a pool, which its UUID names."""
        status = self._call(
            ASK, "StoragePool", "getSpmStatus", storagepoolID=pool
        )
        host_id = status.get("spmId", -1)
        return Spm(status.get("spmStatus") == _SPM, host_id)

    def has_active(self, sd_id: str) -> bool:
        """
        Whether VDSM has a domain active. VDSM monitors all domains that are
        active, also those that it cannot read, and none in maintenance.
        """
        stats = self._call(ASK, "Host", "getStorageRepoStats", domains=[sd_id])
        return sd_id in stats

    def plugin(self) -> Plugin | None:
        """
        VDSM's plugin; None if VDSM does not know the verb that changes a flag.

        VDSM touches no storage for it: it is asked with a `by` and a value
        that make no sense, and refuses one of them first. It names `by` only
        where it takes one: an older plugin knows none, and none is taken from
        an address that is not the loopback's. Any other answer tells nothing:
        a VDSM that still starts refuses all verbs, also those that it has not.
        """
        try:
            self.set_backup(_NOBODY, "neither", "-", None, by="", timeout=ASK)
        except Refused as e:
            if e.code == METHOD_NOT_FOUND:
                return None
            if e.code != errors.InvalidArgument.code:
                raise
            return Plugin(_INVALID_BY in str(e))
        return Plugin(False)

    def set_backup(
        self,
        sd_id: str,
        value: bool | str,
        reason: str,
        expected: bool | None,
        by: str | None = None,
        timeout: float = CHANGE,
    ) -> dict[str, Any]:
        """
        Have VDSM change the flag of a domain. Returns the verb's result.

        expected: the value that the flag has now, or None for either.
        by: who makes the change, if the plugin takes it. None: VDSM says so
            itself.
        timeout: seconds.
        """
        named = {} if by is None else {"by": by}
        return self._call(
            timeout,
            "StorageDomain",
            "setBackup",
            storagedomainID=sd_id,
            backup=value,
            reason=reason,
            expected=expected,
            **named,
        )

    def _use_tls(self) -> bool:
        if self._tls != "auto":
            return self._tls == "yes"
        from vdsm.config import config

        return config.getboolean("vars", "ssl")

    def _call(
        self, timeout: float, namespace: str, verb: str, **arguments: Any
    ) -> dict[str, Any]:
        from vdsm import client

        # The client makes its namespaces from the schema on disk, which does
        # not have our verbs. But a namespace takes the name of any verb.
        call = getattr(getattr(self._client, namespace), verb)
        try:
            return call(_timeout=timeout, **arguments)
        except client.ServerError as e:
            raise Refused(e.code, e.resp_msg)
        except client.TimeoutError:
            raise Unanswered(f"VDSM did not answer within {timeout} seconds")
        except client.ClientError as e:
            raise Unanswered(printable(str(e.reason)))


def _quiet() -> None:
    """Keep what the client logs from the user of a command."""
    # Here, since most commands that import this module ask no VDSM.
    import logging

    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())
