# SPDX-License-Identifier: GPL-2.0-or-later
"""
The functions of VDSM by which VMs get disks, and what the plugin adds to each.

Image.prepare is not one of them: transfers, measuring and OVA go through it,
too, and must not be refused.
The disks of VMs go through clientIF.prepareVolumePath. Four functions prepare
disks by it, and give them to a VM:

    Vm.preparePaths               VDSM was restarted, the VM runs on
    Vm._preparePathsForDrives     a VM starts, resumes, or comes in
    Vm.hotplugDisk                a disk is plugged in
    Vm.diskReplicateStart         a disk gets a copy on another domain

The last three are checked before the first image is prepared, and once more
when the images are prepared and not in use yet. second_check.py explains why
this takes two checks, and has what they need. Other callers (unplugging, the
end of a replication, CD-ROMs, memory volumes) are not checked.

A VM that runs on a flagged domain already is left alone. The journal is told:
when VDSM finds the VM again after a restart, and when it has begun to make or
to merge a snapshot of the VM.

What VDSM refuses by itself, without storage, it refuses first: no flag is read
for it.

A refusal is an exception with our text and code. When a VM starts it becomes
the reason of the VM's end, which the engine shows. Elsewhere it becomes the
verb's response.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING

from vdsm_backup.plugin import vms
from vdsm_backup.plugin.gatekeeper import Gate
from vdsm_backup.plugin.second_check import (
    on_prepared,
    tear_down,
    torn_down_on_error,
)

if TYPE_CHECKING:
    from typing import Any, Iterator

    from vdsm_backup.plugin.vdsm_types import (
        ApiVm,
        Drive,
        Function,
        Response,
        Vm,
    )


class _Thread(threading.local):
    """Of this thread: whether it is in Vm.preparePaths."""

    recovering: bool = False


_thread = _Thread()


def prepare_paths(original: Function, config_path: str | None) -> Function:
    """
    Wraps Vm.preparePaths, which VDSM calls after its own restart only, for
    each VM that runs. It prepares the disks once more, and then enables the
    monitor that extends thin disks.

    Adds an entry in the journal if one of the domains is flagged. Must not
    break: the VM runs. A refusal would stop the extension of its thin disks,
    and in the end the VM.
    """
    gate = Gate(config_path)

    @functools.wraps(original)
    def telling(self: Vm) -> None:
        _thread.recovering = True
        try:
            result = original(self)
        finally:
            _thread.recovering = False
        _tell_journal(gate, "recover", self)
        return result

    return telling


def prepare_paths_for_drives(
    original: Function, config_path: str | None
) -> Function:
    """
    Wraps Vm._preparePathsForDrives, which prepares the disks of a VM one by
    one: for VM.create, for a VM that resumes, for an incoming migration, and
    for preparePaths(). It holds _volPrepareLock, for which a destroy waits,
    while it prepares a disk, and stops when a destroy is requested.

    Adds both checks (see second_check.py). No flag is read under the lock.
    Whoever destroys the VM meanwhile finds no disks to tear down, so they are
    torn down here, and the start ends. Must not break: recovery.
    """
    gate = Gate(config_path)

    @functools.wraps(original)
    def checking(self: Vm, drives: list[Drive]) -> None:
        if self.recovering or _thread.recovering:
            return original(self, drives)
        incoming = _is_incoming(self)
        operation = "migrate-in" if incoming else "run"
        vm, xml = f"VM {self.name}", self.domain.xml

        def check() -> None:
            gate.require_allowed(operation, vm, self.id, drives, xml)

        # The first check of an incoming migration was in migrationCreate.
        if not incoming:
            check()
        result = original(self, drives)
        with torn_down_on_error(self.cif, _own(self, drives)):
            _require_not_destroyed(self)
            check()
            _require_not_destroyed(self)
        return result

    return checking


def migration_create(original: Function, config_path: str | None) -> Function:
    """
    Wraps API.VM.migrationCreate, which the source of a migration calls. It
    creates the VM here, and waits until the VM's own thread has prepared the
    disks. If the thread fails, it waits until its time is over, and answers
    "createErr" without a reason.

    Adds the first check, before the VM is created, so that the source gets our
    text. Must not break: the response of the original, to a source of any
    version.
    """
    gate = Gate(config_path)

    @functools.wraps(original)
    def checking(
        self: ApiVm, params: dict[str, Any], incomingLimit: int | None = None
    ) -> Response:
        from vdsm.common.exception import VdsmException

        # What the VM runs with at the source, if the source sends it.
        xml = params.get("_srcDomXML") or params.get("xml")
        # VDSM refuses a VM that it has already.
        known = self._UUID in self._cif.getVMs()
        try:
            if xml is not None and not known:
                vm = f"VM {params.get('vmName') or self._UUID}"
                gate.require_allowed("migrate-in", vm, self._UUID, xml=xml)
        except VdsmException as e:
            return e.response()
        return original(self, params, incomingLimit)

    return checking


def hotplug_disk(original: Function, config_path: str | None) -> Function:
    """
    Wraps Vm.hotplugDisk, which prepares a disk, runs the hooks
    before_disk_hotplug, and gives the disk to qemu. Afterwards the disk is one
    of the VM's.

    Adds both checks, and makes the disk known to vms.find() from the start. If
    a hook refuses the disk, or the VM has ended, VDSM leaves it prepared, and
    so it is torn down here. Must not break: CD-ROMs, LUNs and managed disks.
    """
    gate = Gate(config_path)

    @functools.wraps(original)
    def checking(self: Vm, params: dict[str, Any]) -> Response:
        from vdsm.common.exception import HookError
        from vdsm.virt.virdomain import NotConnectedError

        drive, xml = _drive_of(self, params.get("xml"))

        def check() -> None:
            vm = f"VM {self.name}"
            gate.require_allowed("hotplug", vm, self.id, [drive], xml)

        with vms.plugging(self.name, drive):
            # While the VM migrates, VDSM refuses it.
            if not self.isMigrating():
                check()
            with on_prepared(check) as prepared:
                try:
                    return original(self, params)
                except (HookError, NotConnectedError):
                    # VDSM tears down only if it is libvirt that refuses.
                    for each in prepared:
                        tear_down(self.cif, each)
                    raise

    return checking


def disk_replicate_start(
    original: Function, config_path: str | None
) -> Function:
    """
    Wraps Vm.diskReplicateStart, the begin of a live storage migration. It
    notes the target in the drive, prepares the target, and has qemu copy the
    disk to it. It answers any error on the way with "replicaErr".

    Adds both checks of the target. The refusal by the second one would be lost
    in "replicaErr", so it is kept and raised when the original has ended. Must
    not break: a replication to another domain, also from a flagged one, which
    is the way out.
    """
    gate = Gate(config_path)

    @functools.wraps(original)
    def checking(
        self: Vm, srcDisk: Drive, dstDisk: Drive, *args: Any, **kwargs: Any
    ) -> Response:
        refusals: list[Exception] = []

        def check() -> None:
            # As the original makes it from dstDisk.
            drive = {**dstDisk, "device": "disk"}
            vm = f"VM {self.name}"
            gate.require_allowed("replicate-to", vm, self.id, [drive])

        def check_again() -> None:
            try:
                check()
            except Exception as e:
                refusals.append(e)
                raise

        check()
        with on_prepared(check_again):
            result = original(self, srcDisk, dstDisk, *args, **kwargs)
        if refusals:
            raise refusals[0]
        return result

    return checking


def snapshot(original: Function, config_path: str | None) -> Function:
    """
    Wraps Vm.snapshot, which starts a job that makes a snapshot of a running
    VM.

    Adds an entry in the journal if one of the domains is flagged and VDSM has
    not refused the snapshot. Must not break, or delay: a snapshot can be a
    step on the way to another domain.
    """
    return _telling("live-snapshot", original, config_path)


def merge(original: Function, config_path: str | None) -> Function:
    """
    Wraps Vm.merge, which starts a job that merges a snapshot of a running VM.
    As snapshot().
    """
    return _telling("live-merge", original, config_path)


def _telling(
    operation: str, original: Function, config_path: str | None
) -> Function:
    gate = Gate(config_path)

    @functools.wraps(original)
    def telling(self: Vm, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        # VDSM refuses by an exception.
        _tell_journal(gate, operation, self)
        return result

    return telling


def _tell_journal(gate: Gate, operation: str, vm: Vm) -> None:
    gate.tell_journal(operation, f"VM {vm.name}", vm.id, xml=vm.domain.xml)


def _own(vm: Vm, drives: list[Drive]) -> Iterator[Drive]:
    """
    The drives, unless the VM was destroyed and started again on this host:
    then the new one has prepared them, too, and VDSM tears them down when that
    one ends.
    """
    if vm.cif.getVMs().get(vm.id, vm) is vm:
        yield from drives


def _require_not_destroyed(vm: Vm) -> None:
    """End the start of a VM as VDSM ends it when there is a qemu."""
    from vdsm.virt import vm as virt

    if vm._destroy_requested.is_set():
        raise virt.DestroyedOnStartupError


def _is_incoming(vm: Vm) -> bool:
    """Whether a VM comes from another host by migration."""
    from vdsm.virt import vm as virt

    return vm._altered_state.origin == virt._MIGRATION_ORIGIN


def _drive_of(vm: Vm, xml: str | None) -> tuple[Drive, str]:
    """The drive of a hot plug, as the original will make it, and its XML."""
    from vdsm.common import xmlutils
    from vdsm.virt import vmdevices
    from vdsm.virt.vmdevices import storagexml

    _, element, meta = vmdevices.common.dev_elems_from_xml(vm, xml)
    return storagexml.parse(element, meta), xmlutils.tostring(element)
