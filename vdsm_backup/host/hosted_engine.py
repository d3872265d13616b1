# SPDX-License-Identifier: GPL-2.0-or-later
"""Which storage domain holds the hosted engine's own VM."""

from vdsm_backup import errors

PATH = "/etc/ovirt-hosted-engine/hosted-engine.conf"

_KEY = "sdUUID"


def is_hosted_engine(sd_id, path=PATH):
    """
    Is this the domain of the hosted engine, by this host's configuration:
    lines of key=value. A host without the file runs no hosted engine.

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
