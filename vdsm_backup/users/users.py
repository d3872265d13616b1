# SPDX-License-Identifier: GPL-2.0-or-later
"""
Who uses a storage domain, as far as this host can see.

Best effort, by three looks: running VMs of this host (libvirt), open LVs of
this host (LVM), and image files that qemu has locked on any host. None of
them fails: what one could not see is a note, so that nobody takes silence for
"nobody uses it".
"""

from dataclasses import dataclass, field

from vdsm_backup import errors
from vdsm_backup.host import filesystems, mounts
from vdsm_backup.processes import scripts
from vdsm_backup.text import printable
from vdsm_backup.vm.paths import mount_of

LIBVIRT_URI = "qemu:///system"

# The looks, each a module that runs in a process of its own.
RUNNING_VMS = "vdsm_backup.users.running_vms"
IMAGE_LOCKS = "vdsm_backup.users.image_locks"

# VDSM's own LVs: lib/vdsm/storage/blockSD.py, SPECIAL_LVS_V4. sanlock and
# VDSM have them open; that is no use by a VM.
SPECIAL_LVS = {
    "metadata",
    "leases",
    "ids",
    "inbox",
    "outbox",
    "xleases",
    "master",
}


@dataclass
class Users:
    """
    blocking: uses that the flag forbids.
    images: images that qemu has open for writing: a VM, or a transfer.
    notes: uses that do no harm, and all that could not be seen.
    """

    blocking: list = field(default_factory=list)
    images: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def unseen(self, what):
        self.notes.append(f"not seen: {what}")


def find(sd_id, kind, domain_dir, lvs, timeout, uri=LIBVIRT_URI):
    """
    One look at the domain, within about `timeout` seconds.

    domain_dir: directory of a file domain; None for a block domain.
    lvs: called for a block domain, gives the names of LVs that are open on
        this host; may raise classes of vdsm_backup.errors.
    """
    users = Users()
    running = scripts.Script(RUNNING_VMS, uri, sd_id)
    if kind == "block":
        scripts.collect([running], timeout)
        _add_vms(users, running, timeout)
        _add_lvs(users, lvs)
    else:
        locks = scripts.Script(IMAGE_LOCKS, domain_dir)
        scripts.collect([running, locks], timeout)
        _add_vms(users, running, timeout)
        _add_images(users, locks, timeout)
        mount = mount_of(domain_dir, mounts.table())
        for what in filesystems.unseen(mount):
            users.unseen(what)
    return users


def _add_vms(users, look, timeout):
    found = []
    for line in look.lines:
        if "unseen" in line:
            users.unseen(printable(line["unseen"]))
        elif "vm" in line:
            found.append((printable(line["vm"]), line))
    for name, line in sorted(found, key=lambda item: item[0]):
        if line["uses"]:
            users.blocking.append(f"VM {name} ({_listed(line['uses'])})")
        if line["cdroms"]:
            cdroms = _listed(line["cdroms"])
            users.notes.append(f"VM {name} has a CD-ROM from it ({cdroms})")
    if not _complete(look):
        users.unseen(f"VMs of this host: libvirt {_stopped(look, timeout)}")


def _add_lvs(users, lvs):
    try:
        names = set(lvs()) - SPECIAL_LVS
    except errors.Error as e:
        users.unseen(f"open LVs of this host: {e}")
    else:
        for name in sorted(names):
            users.blocking.append(f"LV {name} is open on this host")
    users.unseen(
        "VMs of other hosts, since this is a block domain; the engine's own"
        " check (the Backup box in Manage Domain) covers the data center"
    )


def _add_images(users, look, timeout):
    total, images = None, []
    for line in look.lines:
        if "failed" in line:
            users.unseen(f"open images: {line['failed']}")
        elif "images" in line:
            total = line["images"]
        elif "image" in line:
            images.append(line)
    for line in images:
        _add_image(users, line)
    failed = [text for line in images for text in _failed(line)]
    if failed:
        users.unseen(
            f"open images: {len(failed)} could not be asked, the first is"
            f" {failed[0]}"
        )
    if not _complete(look):
        stopped = _stopped(look, timeout)
        if total is None:
            users.unseen(f"open images: the storage {stopped}")
        else:
            users.unseen(
                f"open images: only {len(images)} of {total} images were"
                f" looked at, the storage {stopped}"
            )


def _add_image(users, line):
    image = line["image"]
    for volume in line["writing"]:
        users.images.append(
            f"image {image}/{volume} is open for writing by qemu: a VM or a"
            " transfer"
        )
    for volume in line["reading"]:
        users.notes.append(
            f"image {image}/{volume} is open for reading by qemu"
        )


def _failed(line):
    for volume, reason in line["unseen"].items():
        path = f"{line['image']}/{volume}" if volume else line["image"]
        yield f"{path}: {reason}"


def _complete(look):
    return bool(look.lines) and "end" in look.lines[-1]


def _stopped(look, timeout):
    if look.ended:
        return "could not be asked, the look at it failed"
    return f"did not answer within {timeout:g} seconds"


def _listed(texts):
    return ", ".join(printable(text) for text in texts)
