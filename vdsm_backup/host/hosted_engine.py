# SPDX-License-Identifier: GPL-2.0-or-later
"""Which storage domain has the hosted engine's own VM."""

from __future__ import annotations

from vdsm_backup import errors

PATH = "/etc/ovirt-hosted-engine/hosted-engine.conf"

_KEY = "sdUUID"


def is_hosted_engine(sd_id: str, path: str = PATH) -> bool:
    """
    Whether this domain has the VM of the hosted engine, by the configuration
    of this host: lines of key=value. A host without the file runs no hosted
    engine.

    Raises ConfigInvalid if the file is there and cannot be read: the answer
    could be yes.
    """
    try:
        # Only one key counts, so what the others hold need not be text.
        with open(path, encoding="utf-8", errors="surrogateescape") as f:
            lines = f.read().splitlines()
    except FileNotFoundError:
        return False
    except OSError as e:
        raise errors.ConfigInvalid(path, _KEY, e.strerror)
    pairs = (line.partition("=") for line in lines)
    found = [value for key, _, value in pairs if key.strip() == _KEY]
    return sd_id.lower() in [value.strip().lower() for value in found]
