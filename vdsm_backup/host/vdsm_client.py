# SPDX-License-Identifier: GPL-2.0-or-later
"""
VDSM of this host, by its own API and its own Python client, which every VDSM
host has. Nothing else of VDSM is imported outside of the plugin.
"""

import logging
from dataclasses import dataclass

from vdsm_backup.text import printable

# lib/yajsonrpc/exception.py, JsonRpcMethodNotFoundError.
METHOD_NOT_FOUND = -32601

# Of StoragePool.getSpmStatus: SPM_ACQUIRED in lib/vdsm/storage/sp.py
_SPM = "SPM"

# No storage domain has this UUID.
_NOBODY = "00000000-0000-0000-0000-000000000000"

# Seconds. A change looks for VMs, takes a lease, and looks again.
ASK = 30
CHANGE = 300


class Unreachable(Exception):
    """VDSM was not asked; the text says why."""


class Unanswered(Exception):
    """VDSM was asked, and nobody knows what became of it."""


class Refused(Exception):
    """VDSM's answer was an error."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Spm:
    """here: this host is the SPM. host_id: who is; -1: nobody."""

    here: bool
    host_id: int


class Vdsm:
    """
    A connection; a context manager. tls: "auto" does as VDSM's own
    configuration says, "yes", "no".

    Methods raise Unreachable, Unanswered, Refused.
    """

    def __init__(self, host, port, tls):
        self._address = host, port
        self._tls = tls
        self._client = None

    def __enter__(self):
        _quiet()
        host, port = self._address
        try:
            from vdsm import client

            self._client = client.connect(host, port, use_tls=self._use_tls())
        except ImportError as e:
            raise Unreachable(f"VDSM's client is not installed: {e}")
        except client.Error as e:
            text = f"VDSM of this host cannot be reached: {e}"
            raise Unreachable(printable(text))
        return self

    def __exit__(self, *_):
        self._client.close()

    def spm(self, pool):
        status = self._call(
            ASK, "StoragePool", "getSpmStatus", storagepoolID=pool
        )
        host_id = status.get("spmId", -1)
        return Spm(status.get("spmStatus") == _SPM, host_id)

    def has_plugin(self):
        """Without a look at any storage: what is asked for is no flag."""
        try:
            self.set_backup(_NOBODY, "neither", "-", None)
        except Refused as e:
            return e.code != METHOD_NOT_FOUND
        return True

    def set_backup(self, sd_id, value, reason, expected):
        return self._call(
            CHANGE,
            "StorageDomain",
            "setBackup",
            storagedomainID=sd_id,
            backup=value,
            reason=reason,
            expected=expected,
        )

    def _use_tls(self):
        if self._tls != "auto":
            return self._tls == "yes"
        from vdsm.config import config

        return config.getboolean("vars", "ssl")

    def _call(self, timeout, namespace, verb, **arguments):
        from vdsm import client

        # Not by attribute: it knows the verbs of the schema on disk, ours are
        # not in it; but a namespace that it knows takes any name.
        call = getattr(getattr(self._client, namespace), verb)
        try:
            return call(_timeout=timeout, **arguments)
        except client.ServerError as e:
            raise Refused(e.code, e.resp_msg)
        except client.TimeoutError:
            raise Unanswered(f"VDSM did not answer within {timeout} seconds")
        except client.ClientError as e:
            raise Unanswered(printable(str(e.reason)))


def _quiet():
    """What the client logs is not for the user of a command."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())
