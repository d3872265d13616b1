# SPDX-License-Identifier: GPL-2.0-or-later
"""
Why sanlock, or a write, has failed on a domain.

sanlock says little of that: "invalid argument" for an ids file that is empty,
for one of another domain, and for one that it may not read. So what `verify`
finds wrong with these files is told with the error.
"""

from __future__ import annotations

import contextlib
import shlex
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.cli import copies, readings
from vdsm_backup.processes.jobs import telling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vdsm_backup.config import Config
    from vdsm_backup.processes.jobs import Slow
    from vdsm_backup.storage.base import Storage

_CAUSES: tuple[type[errors.Error], ...] = (
    errors.LeaseAreaUnusable,
    errors.AccessRefused,
)


@contextlib.contextmanager
def explaining(
    storage: Storage, options: Config, slow: Slow
) -> Iterator[None]:
    """
    A SanlockFailed or WriteFailed of the body gets its causes. slow: called
    with the place of the domain, if the look at it takes long; see Jobs.
    """
    try:
        yield
    except errors.RunDirFailed:
        # It is not of the domain.
        raise
    except (errors.SanlockFailed, errors.WriteFailed) as e:
        e.causes = _causes(storage, options, slow)
        if isinstance(e, errors.WriteFailed) and storage.kind == "file":
            e.directory = shlex.quote(storage.found_at)
        raise


def _causes(
    storage: Storage, options: Config, slow: Slow
) -> list[errors.Error]:
    # Here, since most changes do not fail.
    from vdsm_backup.verify import domains

    history = copies.kept_here(options)
    with telling([storage.found_at], slow):
        reading = readings.read(storage)
    (found,) = domains.check([reading], options, history, slow)
    kinds = _CAUSES
    if storage.kind == "block":
        # LVM says little of a device that cannot be written. What is full on a
        # file system, the write has said.
        kinds += (errors.ChangeWouldFail,)
    return [p for p in found.problems if isinstance(p, kinds)]
