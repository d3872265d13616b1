# SPDX-License-Identifier: GPL-2.0-or-later
"""Who uses a domain, as far as this host can see."""

from __future__ import annotations

from vdsm_backup.storage.block import BlockStorage
from vdsm_backup.storage.file import FileStorage
from vdsm_backup.users import users

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup.config import Config
    from vdsm_backup.storage.base import Storage

# As what the search for users is told to who waits.
USERS = "the search for its users"


def who_uses(storage: Storage, options: Config) -> users.Users:
    """
    The users of a domain, as far as this host can see. What it cannot see is
    a note in them; raises none of our errors.
    """
    directory, open_lvs = None, None
    if isinstance(storage, BlockStorage):
        open_lvs = storage.open_lvs
    elif isinstance(storage, FileStorage):
        directory = storage.directory
    return users.find(
        storage.sd_id, storage.kind, directory, open_lvs, options.io_timeout
    )
