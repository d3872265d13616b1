# SPDX-License-Identifier: GPL-2.0-or-later
"""The bridge's side of the stand-in of an engine, through the real SDK."""

from tests.support.bridge.engine import PASSWORD, USER
from vdsm_backup.bridge.engine import Engine
from vdsm_backup.bridge.session import Session

# Seconds: far more than a call takes.
TIMEOUT = 20


def connect(stand_in, password=lambda: PASSWORD, **more):
    """more: of the session."""
    given = {"ca_file": stand_in.ca_file, "timeout": TIMEOUT, **more}
    return Engine(Session(stand_in.url, USER, password, **given))
