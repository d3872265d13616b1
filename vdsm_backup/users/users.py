# SPDX-License-Identifier: GPL-2.0-or-later
"""
Who uses a storage domain, as far as this host can see.

There are three sources: libvirt knows the running VMs of this host, LVM knows
the LVs that are open on this host, and qemu's locks tell which image files are
open on any host. A source that fails adds a note on what was not seen. So
nobody takes silence for "nobody uses it".

On some storage nothing tells of VMs of other hosts. That is so each time, and
README.md says it; it is told apart, for who depends on it.
"""

from __future__ import annotations

from vdsm_backup import errors
from vdsm_backup.host import filesystems, mounts
from vdsm_backup.processes import scripts
from vdsm_backup.text import printable
from vdsm_backup.vm.links import mount_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    # A line of JSON that a script has said.
    Line = dict[str, Any]

LIBVIRT_URI = "qemu:///system"

# Two of the sources are scripts (processes/scripts.py), since they can hang.
RUNNING_VMS = "vdsm_backup.users.running_vms"
IMAGE_LOCKS = "vdsm_backup.users.image_locks"

# VDSM's own LVs: lib/vdsm/storage/blockSD.py, SPECIAL_LVS_V4. sanlock and VDSM
# have them open, and no VM uses them.
SPECIAL_LVS = {
    "metadata",
    "leases",
    "ids",
    "inbox",
    "outbox",
    "xleases",
    "master",
}


class Users:
    """
    The users of a domain, in words.

    blocking: uses that the flag forbids.
    images: images that qemu has open for writing, for a VM or a transfer.
    notes: uses that do no harm, and all that could not be seen.
    unseen_here: what of that this host alone knows: its VMs and its LVs.
    elsewhere: what no host sees of the others, on storage of this kind.
    """

    def __init__(
        self,
        blocking: Iterable[str] = (),
        images: Iterable[str] = (),
        notes: Iterable[str] = (),
        unseen_here: Iterable[str] = (),
        elsewhere: Iterable[str] = (),
    ) -> None:
        self.blocking = [*blocking]
        self.images = [*images]
        self.notes = [*notes]
        self.unseen_here = [*unseen_here]
        self.elsewhere = [*elsewhere]

    def unseen(self, what: str, here: bool = False) -> None:
        """
        Add a note on uses that could not be seen. here: they are of this host.
        """
        self.notes.append(f"not seen: {what}")
        if here:
            self.unseen_here.append(what)


def find(
    sd_id: str,
    kind: str,
    domain_dir: str | None,
    lvs: Callable[[], Iterable[str]] | None,
    timeout: float,
    uri: str = LIBVIRT_URI,
) -> Users:
    """
    The users that a domain has now. Raises none of our errors.

    kind: "file" or "block".
    domain_dir: the directory of a file domain.
    lvs: of a block domain, gives the names of its LVs that are open on this
        host. It may raise classes of vdsm_backup.errors.
    timeout: seconds for the scripts, which run side by side. lvs() has a
        timeout of its own.
    uri: of libvirt.
    """
    users = Users()
    wanted: dict[str, tuple[str, ...]] = {
        "VMs of this host": (RUNNING_VMS, uri, sd_id)
    }
    if kind != "block":
        assert domain_dir is not None
        wanted["image locks"] = (IMAGE_LOCKS, domain_dir)
    started = {}
    for what, words in wanted.items():
        try:
            started[words[0]] = scripts.Script(*words)
        except OSError as e:
            users.unseen(f"{what}: {e.strerror}", here=True)
    scripts.collect(list(started.values()), timeout)
    if RUNNING_VMS in started:
        _add_vms(users, started[RUNNING_VMS], timeout)
    if IMAGE_LOCKS in started:
        _add_images(users, started[IMAGE_LOCKS], timeout)
    if kind == "block":
        assert lvs is not None
        _add_lvs(users, lvs)
    else:
        assert domain_dir is not None
        mount = mount_of(domain_dir, mounts.table())
        for what in filesystems.unseen(mount):
            users.unseen(what)
        users.elsewhere += filesystems.never_seen(mount)
    return users


def _add_vms(users: Users, script: scripts.Script, timeout: float) -> None:
    found: list[tuple[str, Line]] = []
    for line in script.lines:
        if "unseen" in line:
            users.unseen(printable(line["unseen"]), here=True)
        elif "vm" in line:
            found.append((printable(line["vm"]), line))
    for name, line in sorted(found, key=lambda item: item[0]):
        if line["uses"]:
            users.blocking.append(f"VM {name} ({_listed(line['uses'])})")
        if line["cdroms"]:
            cdroms = _listed(line["cdroms"])
            users.notes.append(f"VM {name} has a CD-ROM from it ({cdroms})")
    if not _complete(script):
        stopped = _stopped(script, timeout)
        users.unseen(f"VMs of this host: libvirt {stopped}", here=True)


def _add_lvs(users: Users, lvs: Callable[[], Iterable[str]]) -> None:
    try:
        names = set(lvs()) - SPECIAL_LVS
    except errors.Error as e:
        users.unseen(f"open LVs of this host: {e}", here=True)
    else:
        for name in sorted(names):
            name = printable(name)
            users.blocking.append(f"LV {name} is open on this host")
    users.elsewhere.append("VMs of other hosts, since this is a block domain")


def _add_images(users: Users, script: scripts.Script, timeout: float) -> None:
    total: int | None = None
    images: list[Line] = []
    for line in script.lines:
        if "failed" in line:
            users.unseen(f"open images: {printable(line['failed'])}")
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
            f" {printable(failed[0])}"
        )
    if not _complete(script):
        stopped = _stopped(script, timeout)
        if total is None:
            users.unseen(f"open images: the storage {stopped}")
        else:
            users.unseen(
                f"open images: only {len(images)} of {total} images were"
                f" checked, the storage {stopped}"
            )


def _add_image(users: Users, line: Line) -> None:
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


def _failed(line: Line) -> Iterator[str]:
    """What of an image could not be asked, and why, in words."""
    for volume, reason in line["unseen"].items():
        path = f"{line['image']}/{volume}" if volume else line["image"]
        yield f"{path}: {reason}"


def _complete(script: scripts.Script) -> bool:
    """Whether a script has said all that it had to say."""
    return bool(script.lines) and "end" in script.lines[-1]


def _stopped(script: scripts.Script, timeout: float) -> str:
    """What became of a script that is not complete, in words."""
    if script.said_too_much:
        return "has said more than is read"
    if script.ended:
        return "could not be asked, the check failed"
    return f"did not answer within {timeout:g} seconds"


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(printable(text) for text in texts)
