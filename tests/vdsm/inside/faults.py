# SPDX-License-Identifier: GPL-2.0-or-later
"""Run in VDSM: storage that fails, and what others do meanwhile."""

import errno
import threading

from tests.support import outside
from tests.support.vdsm import inside
from tests.vdsm.inside.storage import produce
from vdsm_backup import errors
from vdsm_backup.metadata import lines as md_lines


def _fault(name):
    import ioprocess

    return {
        "io": OSError(errno.EIO, "I/O error"),
        "timeout": ioprocess.Timeout("too long"),
        "stale": OSError(errno.ESTALE, "Stale file handle"),
    }[name]


def fail_writes(fault, written=False):
    """written: it is there all the same."""
    from vdsm.storage.fileSD import FileMetadataRW

    original = FileMetadataRW.writelines

    def writelines(self, metadata):
        if written:
            original(self, metadata)
        raise _fault(fault)

    FileMetadataRW.writelines = writelines


def fail_renames():
    """The new file is there, and the server may still rename it."""
    from vdsm.storage.fileSD import FileMetadataRW

    def writelines(self, metadata):
        lines = [line.encode("utf-8") + b"\n" for line in metadata]
        self._oop.writeLines(self._metafile + ".new", lines)
        raise _fault("io")

    FileMetadataRW.writelines = writelines


def write_instead(changes):
    """
    VDSM's write comes to its end, and other values than VDSM's are there.
    None: those from before.
    """
    from vdsm.storage.fileSD import FileMetadataRW

    original = FileMetadataRW.writelines

    def writelines(self, metadata):
        if changes is not None:
            values = md_lines.parse(metadata).values
            original(self, md_lines.flush({**values, **changes}))

    FileMetadataRW.writelines = writelines


def fail_reads(fault):
    from vdsm.storage.fileSD import FileMetadataRW

    def readlines(self):
        if fault == "missing":
            return []
        raise _fault(fault)

    FileMetadataRW.readlines = readlines


def fail_some_reads():
    """The second is stale, the first and the third see nothing."""
    from vdsm.storage.fileSD import FileMetadataRW

    original, times = FileMetadataRW.readlines, iter(range(100))

    def readlines(self):
        n = next(times)
        if n == 1:
            raise _fault("stale")
        return [] if n < 3 else original(self)

    FileMetadataRW.readlines = readlines


def fail_writes_of_the_flag(fault):
    """VDSM's write of one fails, and it is there all the same."""
    from vdsm.storage.fileSD import FileMetadataRW

    original = FileMetadataRW.writelines

    def writelines(self, metadata):
        original(self, metadata)
        if any(line.startswith("BACKUP=True") for line in metadata):
            raise _fault(fault)

    FileMetadataRW.writelines = writelines


def write_no_flag():
    """VDSM's write of one comes to its end, and is not there."""
    from vdsm.storage.fileSD import FileMetadataRW

    original = FileMetadataRW.writelines

    def writelines(self, metadata):
        if not any(line.startswith("BACKUP=") for line in metadata):
            original(self, metadata)

    FileMetadataRW.writelines = writelines


def when_kept(then):
    """When the copy is kept: read under the lease, and not written yet."""
    from vdsm_backup.change import history

    original = history.History.keep

    def keep(self, *args):
        thread = threading.Thread(target=then)
        thread.start()
        thread.join()
        return original(self, *args)

    history.History.keep = keep


def describe_when_kept(sd_id, text):
    when_kept(lambda: produce(sd_id).setDescription(text))


def put_when_kept(metafile, changes):
    when_kept(
        lambda: outside.put(metafile, {**outside.values(metafile), **changes})
    )


def run_vm_when_written(name, xml, undo_fails=False):
    from vdsm_backup.plugin import storage

    original, vms = storage.VdsmStorage.write, inside.cif.vmContainer

    def write(self, old, new):
        if undo_fails and name in vms:
            raise errors.WriteFailed(self.sd_id, "commit", "no more")
        written = original(self, old, new)
        vms[name] = inside.Vm(name, xml)
        return written

    storage.VdsmStorage.write = write
