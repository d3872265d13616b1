# SPDX-License-Identifier: GPL-2.0-or-later
"""
Checking a flag a second time, between preparing a disk and using it.

The problem
===========

Somebody sets the flag of a domain at the moment when a VM gets a disk from
it. The flag may be set by another process, on another host. So there is no
lock that both sides could take. Each side can only look at what the other one
has done so far. If each looks too early, the VM runs on a flagged domain, and
nobody has refused anything.

What happens in which order
===========================

The side of the VM. The plugin adds the checks, and VDSM does the rest:

1. The VM and its disk become known to those who search for users of a domain
   (vms.py). For a disk that is plugged in the plugin makes them known.
2. First check: the flag of each domain is read. A flagged one is refused.
3. VDSM prepares the images: it activates LVs, follows chains of volumes, and
   calls hooks. This takes from milliseconds to minutes.
4. Second check: the flags are read again. If one is refused now, what was
   prepared is torn down.
5. VDSM gives the disks to qemu.

The side of `set` (change/change.py):

a. It searches for users of the domain, and refuses if there is one.
b. It writes the flag.
c. It searches for users again, for `[sanlock] settle` seconds. If one has
   come, it writes the old metadata back.

Why this is enough
==================

Each side first shows itself (1, b), and then looks at the other one (4, c).
So at least one of them sees the other, whatever the order:

- c sees the VM. Then `set` takes the flag back, and the VM may run.
- c does not see the VM. Then step 1 came after c, and so step 4 comes after b.
  It reads the flag that b wrote, and the VM is refused. It is sure to read
  what is on storage at that moment: neither a read that began before the check
  is used (shared_reads.py), nor VDSM's copy in memory (storage.py).
- Both see each other. Then the VM is refused, and the flag is taken back too.
  Whoever asked is told so, and can ask again.

Why each step is needed
=======================

*Without the second check* a flag that comes after 2 would be missed, which is
as long as preparing takes. The first check cannot be the one that counts,
since step 1 is not always before it. VM.create starts the VM's thread, and
only then adds the VM to the list of VMs (clientIF.createVm).
diskReplicateStart makes the target known just before it prepares it. And
VDSM's `set` runs on the SPM host, and never sees the VMs of other hosts.

*Without the first check* a refusal would be late and would leave work to undo.
LVs would be activated on storage that the VM must not use, again for each
host on which the engine tries the VM. An incoming migration would be refused
when its source no longer gets our text (gates.migration_create).

*The second check must be before 5.* When Vm.hotplugDisk or
Vm.diskReplicateStart returns, qemu has the disk already. The one function
between preparing and that moment that can be wrapped is
clientIF.prepareVolumePath, which both call in their own thread. Many others
call it too, and must not be checked: unplugging, the end of a replication,
CD-ROMs, memory volumes. So the wrappers of these two say for their own thread
which check is due (on_prepared()), and prepare_volume_path() makes it.

*A start does not need that.* Vm._preparePathsForDrives returns when all
images are prepared, and before there is a qemu. So its wrapper checks after
it, once for all disks. It must not check inside it: VDSM calls
prepareVolumePath there with _volPrepareLock, for which a destroy waits. A read
from storage that hangs would hold up the destroy.

*Tearing down is left to us.* To VDSM our refusal is an error of preparing.
After such an error a hot plug and a replication tear nothing down, since
nothing should have been prepared. After a failed start VDSM tears down only
the drives in Vm._devices, which has none yet (and before its commit 06936b144
it does not even do that). The LVs would stay active on this host.

*A destroy can come in between.* It tears down the drives in Vm._devices, too,
and comes back; the second check is longer than all else between preparing and
the moment when they are there. So the thread of the VM looks whether a destroy
was requested, before the second check and after it, tears down what was
prepared, and ends the start. If the VM was started again on this host
meanwhile, what the new start has prepared is not taken from it.

*Only what was prepared is torn down.* When a destroy is requested,
_preparePathsForDrives ends before it has prepared all drives. An image that
was not prepared for this VM may be in use on this host by somebody else, from
whom a teardown would take it. prepareVolumePath puts "volumeInfo" into the
drive when it has prepared an image, and that is how we know.

What is left
============

- A VM that starts on another host after the second check there. VDSM's `set`
  does not see it. The hooks check again, later in the same start. The command
  line looks for images that qemu has locked on any host, before it asks VDSM.
- A VM whose thread gets through step 4 before VM.create has added it to the
  list of VMs: step 1 comes last then. Nothing prevents that, but steps 2 to 4
  ask storage many times, and c goes on for seconds.
- A flag that does not come by `set`, but by hand or with a replica that takes
  the place of its origin. Nobody searches for users then, so a flag that
  comes after step 4 is seen by the hooks only, if one of them is still to run.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable, Iterable, Iterator

    from vdsm_backup.plugin.vdsm_types import ClientIF, DriveSpec, Function

    Check = Callable[[], None]

log = logging.getLogger("vdsm_backup")


class _Thread(threading.local):
    """
    Of this thread: the check that is due when it has prepared an image, and
    the drives that it has prepared since.
    """

    check: Check | None = None
    prepared: list[DriveSpec] | None = None


_thread = _Thread()


def prepare_volume_path(
    original: Function, config_path: str | None
) -> Function:
    """
    Wraps clientIF.prepareVolumePath, by which VDSM gets a disk ready for use
    and learns its path. For an image this is HSM.prepareImage, which activates
    LVs or makes links. LUNs, payloads and plain paths have ways of their own.

    Adds the second check where on_prepared() asks for it, and nothing for any
    other caller. If the check refuses, the image is torn down.

    Must not break: its other callers, and what it returns.
    """

    @functools.wraps(original)
    def checking(
        self: ClientIF,
        drive: DriveSpec,
        vmId: str | None = None,
        path: str | None = None,
    ) -> str | None:
        result = original(self, drive, vmId, path)
        if _thread.check is not None:
            with torn_down_on_error(self, [drive]):
                _thread.check()
        if _thread.prepared is not None:
            _thread.prepared.append(drive)
        return result

    return checking


@contextlib.contextmanager
def on_prepared(check: Check) -> Iterator[list[DriveSpec]]:
    """
    As long as the body runs, check() is called whenever this thread has
    prepared an image. What it raises comes out of prepareVolumePath.

    Gives a list, to which the drives are added that passed the check.
    """
    before = _thread.check, _thread.prepared
    _thread.check, _thread.prepared = check, []
    try:
        yield _thread.prepared
    finally:
        _thread.check, _thread.prepared = before


@contextlib.contextmanager
def torn_down_on_error(
    cif: ClientIF, drives: Iterable[DriveSpec]
) -> Iterator[None]:
    """If the body raises, those of the drives that were prepared go again."""
    try:
        yield
    except Exception:
        for drive in drives:
            # A drive that is no dictionary is a path, for which VDSM has
            # prepared nothing.
            if isinstance(drive, dict) and drive.get("volumeInfo"):
                tear_down(cif, drive)
        raise


def tear_down(cif: ClientIF, drive: DriveSpec) -> None:
    """
    Undo what clientIF.prepareVolumePath did. Never fails: the refusal that is
    on its way must be told, and the other drives torn down.
    """
    try:
        cif.teardownVolumePath(drive)
    except Exception:
        log.exception("Cannot tear down %s", drive)
