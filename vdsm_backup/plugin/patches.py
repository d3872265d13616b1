# SPDX-License-Identifier: GPL-2.0-or-later
"""
All that the plugin changes in VDSM, in one list, and all that it relies on.

WRAPPED: functions of VDSM that are replaced by ours, which call them. Each of
ours is named after VDSM's, and its docstring says what VDSM's does, what ours
adds, and what it must not break.
GUARDED: those of them that check flags.
ADDED: attributes that VDSM's classes do not have. ITEMS: keys that its
dictionaries do not have.
NEEDED: what is only called or read.

If any of these is not as expected, nothing of VDSM is changed.

Our functions are made with the path of the configuration file, None for the
host's own, and read it when they are called: it may be broken now, and mended
later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vdsm_backup.plugin import (
    formatting,
    gates,
    metadata,
    preview,
    schema,
    second_check,
    verbs,
)
from vdsm_backup.plugin.shape import ANY, Shape

if TYPE_CHECKING:
    from typing import Callable, Iterable

    from vdsm_backup.plugin.vdsm_types import Function

_PERSISTENT = "vdsm.storage.persistent:PersistentDict"
_DOMAIN = "vdsm.storage.sd:StorageDomain"


@dataclass(frozen=True)
class Patch:
    """
    A function of VDSM that is replaced.

    expected: VDSM's own. wrap: called with VDSM's own and the path of the
    configuration, returns the one that takes over.
    """

    expected: Shape
    wrap: Callable[[Function, str | None], Function]


@dataclass(frozen=True)
class Added:
    """
    An attribute that VDSM's class does not have.

    at: as in Shape. make: called with the path of the configuration, returns
    the value.
    """

    at: str
    make: Callable[[str | None], Function]


@dataclass(frozen=True)
class Item:
    """
    A key that one of VDSM's dictionaries does not have.

    at: of the dictionary, as in Shape.
    """

    at: str
    key: str
    value: object


def _wrap(
    at: str,
    parameters: Iterable[str],
    wrap: Callable[[Function], Function],
    uses: Iterable[str] = (),
) -> Patch:
    """For a wrapper that needs no configuration."""
    expected = Shape(at, tuple(parameters), exact=True, uses=tuple(uses))
    return Patch(expected, lambda original, config_path: wrap(original))


WRAPPED = (
    _wrap(
        f"{_PERSISTENT}.transaction",
        ["self"],
        metadata.transaction,
        ["_syncRoot", "_inTransaction", "_accessWrapper", "_flush"],
    ),
    _wrap(
        f"{_PERSISTENT}.update",
        ["self", "metadata"],
        metadata.update,
        ["transaction"],
    ),
    _wrap(
        f"{_PERSISTENT}._flush",
        ["self", "overrideMD"],
        metadata.flush,
        ["_metaRW", "writelines"],
    ),
    _wrap(
        "vdsm.api.vdsmapi:Schema.__init__",
        ["self", "schema_types", "strict_mode"],
        schema.init,
        ["_methods"],
    ),
    _wrap(
        "vdsm.storage.hsm:HSM.getStorageDomainInfo",
        ["self", "sdUUID"],
        verbs.get_storage_domain_info,
        ["validateSdUUID"],
    ),
)


def _guard(
    at: str,
    parameters: Iterable[str],
    wrap: Callable[[Function, str | None], Function],
    uses: Iterable[str] = (),
) -> Patch:
    expected = Shape(at, tuple(parameters), exact=True, uses=tuple(uses))
    return Patch(expected, wrap)


_VM = "vdsm.virt.vm:Vm"
_CLIENT = "vdsm.clientIF:clientIF"

GUARDED = (
    _guard(f"{_VM}.preparePaths", ["self"], gates.prepare_paths),
    _guard(
        f"{_VM}._preparePathsForDrives",
        ["self", "drives"],
        gates.prepare_paths_for_drives,
        ["_volPrepareLock", "prepareVolumePath"],
    ),
    _guard(
        "vdsm.API:VM.migrationCreate",
        ["self", "params", "incomingLimit"],
        gates.migration_create,
    ),
    _guard(f"{_VM}.hotplugDisk", ["self", "params"], gates.hotplug_disk),
    # 4.50.0 takes no more; later ones need_extend.
    Patch(
        Shape(f"{_VM}.diskReplicateStart", ("self", "srcDisk", "dstDisk")),
        gates.disk_replicate_start,
    ),
    # Their parameters are passed on as they are.
    Patch(Shape(f"{_VM}.snapshot", takes=("self",)), gates.snapshot),
    Patch(Shape(f"{_VM}.merge", takes=("self",)), gates.merge),
    _guard(
        f"{_CLIENT}.prepareVolumePath",
        ["self", "drive", "vmId", "path"],
        second_check.prepare_volume_path,
    ),
    Patch(
        Shape("vdsm.storage.hsm:HSM.createVolume", takes=preview.PARAMETERS),
        preview.create_volume,
    ),
    _guard(
        "vdsm.storage.hsm:HSM._recycle",
        ["self", "dom"],
        formatting.recycle,
        ["format", "sdUUID"],
    ),
    _guard(
        "vdsm.storage.lvm:_initpvs",
        ["devices", "metadataSize", "force"],
        formatting.init_pvs,
        ["_createpv"],
    ),
)

ADDED = (
    Added("vdsm.storage.sp:StoragePool.setSDBackup", verbs.pool_set),
    Added("vdsm.storage.hsm:HSM.setStorageDomainBackup", verbs.hsm_set),
    Added("vdsm.storage.hsm:HSM.getStorageDomainBackup", verbs.hsm_get),
    Added("vdsm.API:StorageDomain.setBackup", lambda _: verbs.api_set),
    Added("vdsm.API:StorageDomain.getBackup", lambda _: verbs.api_get),
)

_COMMANDS = "vdsm.rpc.Bridge:command_info"

ITEMS = (
    Item(_COMMANDS, "StorageDomain_setBackup", {"ret": "result"}),
    Item(_COMMANDS, "StorageDomain_getBackup", {"ret": "result"}),
)


def _need(at: str, *parameters: str, uses: Iterable[str] = ()) -> Shape:
    """Without parameters: an attribute that is no function, or any is."""
    return Shape(at, parameters or None, uses=tuple(uses))


# After the module that needs them first.
NEEDED = (
    # metadata.py
    _need(
        f"{_PERSISTENT}.__init__",
        "self",
        "metaReaderWriter",
        uses=["_syncRoot", "_metaRW", "_metadata", "_isValid"],
    ),
    _need(f"{_PERSISTENT}._refresh", "self", uses=["_metaRW", "readlines"]),
    _need(f"{_PERSISTENT}.invalidate", "self", uses=["_isValid"]),
    _need(f"{_PERSISTENT}.copy", "self"),
    _need("vdsm.storage.persistent:DictValidator.__init__", uses=["_dict"]),
    _need(
        "vdsm.storage.fileSD:FileMetadataRW.__init__",
        uses=["_metafile", "_sdUUID", "_oop"],
    ),
    _need("vdsm.storage.fileSD:FileMetadataRW.readlines", "self"),
    _need("vdsm.storage.blockSD:VGTagMetadataRW.__init__", uses=["_vgName"]),
    _need("vdsm.storage.blockSD:VGTagMetadataRW.readlines", "self"),
    _need("vdsm.storage.outOfProcess:_IOProcessGlob.glob", "self", "pattern"),
    _need(
        "vdsm.storage.exception:StorageDomainMetadataNotFound.__init__",
        "self",
        "sdUUID",
        "path",
    ),
    # storage.py
    _need("vdsm.storage.sdc:StorageDomainCache.produce", "self", "sdUUID"),
    _need("vdsm.storage.sdc:sdCache"),
    _need("vdsm.storage.exception:StorageDomainDoesNotExist"),
    _need("vdsm.common.exception:GeneralException.response", "self"),
    _need(f"{_DOMAIN}._metadata"),
    _need(f"{_DOMAIN}.sdUUID"),
    _need(f"{_DOMAIN}.domaindir"),
    _need(f"{_DOMAIN}.oop"),
    _need("vdsm.storage.outOfProcess:_IOProcessOs.stat", "self", "path"),
    _need("vdsm.storage.lvm:invalidateVG", "vgName", "invalidateLVs"),
    _need("vdsm.storage.lvm:getVG", "vgName"),
    _need("vdsm.storage.lvm:getVGs", "vgNames"),
    _need("vdsm.storage.lvm:getPV", ANY),
    _need("vdsm.storage.lvm:getVgMetadataPv", "vgName"),
    # lease.py
    _need(f"{_DOMAIN}.hasHostId", "self", "hostId"),
    _need(f"{_DOMAIN}.acquireHostId", "self", "hostId"),
    _need(f"{_DOMAIN}.releaseHostId", "self", "hostId"),
    _need(f"{_DOMAIN}.acquireClusterLock", "self", "hostID"),
    _need(f"{_DOMAIN}.releaseClusterLock", "self"),
    _need(
        "vdsm.storage.sp:StoragePool.__init__",
        uses=["masterDomain", "domainMonitor", "spUUID", "id"],
    ),
    _need("vdsm.storage.sp:StoragePool._assert_sd_in_pool", "self", "sdUUID"),
    _need("vdsm.storage.monitor:DomainMonitor.isMonitoring", "self", "sdUUID"),
    _need("vdsm.storage.exception:AcquireHostIdFailure"),
    _need("vdsm.storage.exception:AcquireLockFailure"),
    # vms.py
    _need("vdsm.clientIF:clientIF.getInstance"),
    _need("vdsm.clientIF:clientIF.getVMs", "self"),
    _need("vdsm.virt.vm:Vm.getDiskDevices", "self"),
    _need("vdsm.virt.vm:Vm.lastStatus"),
    _need("vdsm.virt.vm:Vm.name"),
    _need("vdsm.virt.vm:Vm.domain"),
    _need("vdsm.virt.domain_descriptor:DomainDescriptor.xml"),
    _need("vdsm.virt.vmstatus:DOWN"),
    # gates.py, second_check.py
    _need(f"{_CLIENT}.teardownVolumePath", "self", "drive"),
    _need(
        f"{_VM}.__init__", uses=["id", "recovering", "_altered_state", "cif"]
    ),
    _need("vdsm.virt.vm:_MIGRATION_ORIGIN"),
    _need("vdsm.virt.vmdevices.common:dev_elems_from_xml", "vm", "xml"),
    _need("vdsm.virt.vmdevices.storagexml:parse", "dev", "meta"),
    _need("vdsm.common.exception:VdsmException.response", "self"),
    _need("vdsm.common.exception:HookError"),
    _need("vdsm.common.xmlutils:tostring"),
    # preview.py
    _need("vdsm.storage.sp:StoragePool.validateSPM", "self"),
    _need(f"{_DOMAIN}.produceVolume", "self", "imgUUID", "volUUID"),
    _need(f"{_DOMAIN}.getImageDir", "self", "imgUUID"),
    _need("vdsm.storage.volume:Volume.isInternal", "self"),
    _need("vdsm.storage.volume:Volume.isLegal", "self"),
    _need("vdsm.storage.volume:Volume.getParent", "self"),
    _need("vdsm.storage.lvm:lvsByTag", "vgName", "tag"),
    _need("vdsm.storage.constants:TAG_PREFIX_IMAGE"),
    _need("vdsm.storage.constants:TAG_PREFIX_PARENT"),
    _need("vdsm.storage.constants:BLANK_UUID"),
    _need("vdsm.storage.exception:createIllegalVolumeSnapshotError"),
    # formatting.py
    _need(
        "vdsm.storage.hsm:HSM.formatStorageDomain",
        uses=["getExclusiveLock", "_recycle"],
    ),
    _need("vdsm.storage.exception:StorageDomainFormatError"),
    _need("vdsm.storage.lvm:createVG", uses=["_initpvs"]),
    _need("vdsm.storage.lvm:extendVG", uses=["_initpvs"]),
    _need("vdsm.storage.lvm:_lvminfo"),
    _need("vdsm.storage.lvm:LVMCache._invalidatepvs", "self", ANY),
    _need("vdsm.storage.exception:InaccessiblePhysDev"),
    _need("vdsm.storage.exception:VolumeGroupHasDomainTag"),
    # verbs.py
    _need("vdsm.storage.hsm:public", "f"),
    _need("vdsm.storage.hsm:STORAGE"),
    _need("vdsm.storage.hsm:HSM.getPool", "cls", "spUUID"),
    _need(
        "vdsm.storage.task:Task.getSharedLock", "self", "namespace", "resName"
    ),
    _need(
        "vdsm.storage.task:Task.getExclusiveLock",
        "self",
        "namespace",
        "resName",
    ),
    _need("vdsm.storage.securable:_secure_method", "method"),
    _need("vdsm.common.threadlocal:vars"),
    _need("vdsm.API:APIBase.__init__", "self", uses=["_irs"]),
)
