# SPDX-License-Identifier: GPL-2.0-or-later
"""
Names for VDSM's objects in signatures.

VDSM has no annotations, and our modules import it inside functions only. So
for mypy each of its objects is Any. What we rely on of each of them is listed
in patches.py, and checked before anything of VDSM is touched.
"""

from typing import Any, Callable, Union

#: A function of VDSM, or the one of ours that replaces it.
Function = Callable[..., Any]

#: vdsm.virt.vm.Vm: a VM of this host.
Vm = Any

#: vdsm.API.VM: the verbs of one VM.
ApiVm = Any

#: vdsm.API.StorageDomain: the verbs of storage domains.
ApiStorageDomain = Any

#: vdsm.clientIF.clientIF: the VMs of this host, and preparing their disks.
ClientIF = Any

#: vdsm.storage.hsm.HSM: the storage of this host.
Hsm = Any

#: vdsm.storage.sp.StoragePool: a connected pool.
StoragePool = Any

#: vdsm.storage.sd.StorageDomain, as sdCache.produce() returns it.
StorageDomain = Any

#: vdsm.storage.persistent.PersistentDict: the metadata of a domain in memory.
PersistentDict = Any

#: What a PersistentDict reads and writes storage with: FileMetadataRW of
#: vdsm.storage.fileSD, or VGTagMetadataRW of vdsm.storage.blockSD.
MetadataRW = Any

#: vdsm.storage.lvm.VG or PV.
LvmObject = Any

#: vdsm.api.vdsmapi.Schema: the verbs, their parameters, their results.
Schema = Any

#: A disk of a VM as VDSM describes it before it makes a
#: vdsm.virt.vmdevices.storage.Drive: "device", "poolID", "domainID",
#: "imageID", "volumeID" and more, as storagexml.parse() returns it.
Drive = dict[str, Any]

#: What clientIF.prepareVolumePath takes: a drive, a path, or no disk at all.
DriveSpec = Union[Drive, str, None]

#: The drive of a running VM: vdsm.virt.vmdevices.storage.Drive.
PluggedDrive = Any

#: What a verb answers: {"status": {"code": ..., "message": ...}, ...}.
Response = dict[str, Any]
