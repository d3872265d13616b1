# SPDX-License-Identifier: GPL-2.0-or-later
"""
Migrations that libvirt's hook has let in, though a domain is flagged.

libvirt calls its hook twice for an incoming migration: "migrate", and then
"prepare" as for any start, with nothing that tells the two apart. Where
`[guard] allow` lifts migrate-in and not run, the second call would refuse
what the first one let through. So the first leaves a file for the second:
incoming-<UUID of the VM> in [sanlock] run_dir.
"""

import os
import time

from vdsm_backup.text import is_uuid

# Between the two calls libvirt does nothing that takes long (qemuMigrationDst
# PrepareAny). A file that nobody took must not let a later start through.
MAX_AGE = 60


class Incoming:
    def __init__(self, run_dir, vm_id):
        # A UUID: it becomes the name of a file.
        self._path = None
        if is_uuid(vm_id):
            self._path = os.path.join(run_dir, f"incoming-{vm_id}")

    def expect(self):
        """Raises OSError."""
        if self._path is None:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self._path, flags, 0o600)
        try:
            os.utime(fd)
        finally:
            os.close(fd)

    def arrived(self):
        """Whether it was expected; only the first call is told so."""
        if self._path is None:
            return False
        try:
            age = time.time() - os.lstat(self._path).st_mtime
            os.unlink(self._path)
        except FileNotFoundError:
            return False
        return 0 <= age <= MAX_AGE
