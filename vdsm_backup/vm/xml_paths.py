# SPDX-License-Identifier: GPL-2.0-or-later
"""
The paths in the XML of a VM, wherever they stand. Pure.

One rule instead of a list of elements, since libvirt has many that name a
file (serial ports, shared directories, NVDIMMs, firmware), and gets new ones:
each value of an attribute, and each text, that has a slash counts. Where it is
no path, nothing is found on this host.

Not looked at are

- <metadata>, which libvirt takes no notice of;
- CD-ROMs and floppies, which may come from anywhere;
- the kernel, the initrd and the dtb, which a VM reads as it reads a CD-ROM;
- the <target> of a <filesystem>, which is a name inside the guest;
- the <title> and the <description>, which are for people;
- the <resource>, which is a cgroup;
- the name of a <source>, which is one on another host, or of a network.

The elements of other namespaces are qemu's: arguments of its command line
above all. In these, paths are looked for in all forms that qemu has: see
qemu_arguments.py.
"""

from __future__ import annotations

from vdsm_backup.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Protocol

    class Element(Protocol):
        """An element of domxml.py, as far as it is needed here."""

        tag: str
        attributes: Mapping[str, str]


# PATH_MAX in include/uapi/linux/limits.h: no file has a longer path.
MAX_PATH = 4096

# Far more than a VM has. Each costs a few calls on this host.
MAX_PATHS = 20_000

REMOVABLE = ("cdrom", "floppy")

# Children of the root whose children are devices, or the like.
_ABOVE_OWNERS = ("devices", "os")

# Children of the root in which no path is one of this host's files.
_NO_PATHS = ("title", "description", "resource")

# Elements in <os> that are read as a CD-ROM is.
_READ_ONLY = ("kernel", "initrd", "dtb")


class Found(Record):
    """
    A path, and the device that it is of.

    owner: the element: a child of <devices> or <os>, another child of the
        root, or a <disk> that is the root.
    path: with a slash in it. One that is not absolute is one in /, which is
        the working directory of libvirt and of qemu.
    """

    __slots__ = ("owner", "path")

    def __init__(self, owner: Element, path: str) -> None:
        self.owner = owner
        self.path = path


class Collector:
    """
    Takes the tags and texts of a document in their order, and keeps the
    paths, each once for each owner.

    `opened` are the elements that are open: one above the root, and then all
    from the root on. Below the last level of domxml.py they are not all of
    them.

    The methods raise ValueError if there are more than MAX_PATHS.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[int, str], Found] = {}
        self._count = 0
        # Texts since the last tag.
        self._run: list[str] = []

    def found(self) -> list[Found]:
        return list(self._found.values())

    def attributes(self, opened: Sequence[Element], element: Element) -> None:
        """Those of an element that begins. opened: without it."""
        for key, value in element.attributes.items():
            if "/" in value and not _is_network_name(element, key):
                self._add([*opened[1:], element], value)

    def characters(self, data: str) -> None:
        """A piece of text."""
        self._run.append(data)

    def tag(self, opened: Sequence[Element]) -> None:
        """A tag ends the text before it. opened: as it was before the tag."""
        if self._run:
            run, self._run = "".join(self._run), []
            if "/" in run:
                self._add(opened[1:], run)

    def text(self, opened: Sequence[Element], text: str) -> None:
        """
        All text in an element that ends, with that of the elements in it:
        libvirt reads it so. opened: with the element as the last one.
        """
        if "/" in text:
            self._add(opened[1:], text)

    def _add(self, within: Sequence[Element], text: str) -> None:
        """within: the elements from the root to that which has the text."""
        if _is_left_out(within):
            return
        owner = within[_owner_at(within)]
        for path in _of_qemu(text) if " " in owner.tag else _plain(text):
            # Each counts, also one that is there already: it cost its time.
            self._count += 1
            if self._count > MAX_PATHS:
                raise ValueError(f"it has more than {MAX_PATHS} paths")
            if len(path) <= MAX_PATH:
                self._found.setdefault((id(owner), path), Found(owner, path))


def is_removable(values: Mapping[str, str]) -> bool:
    """
    Whether a <disk> with these attributes is a CD-ROM or a floppy.

    libvirt takes the first attribute called `device`, in any namespace. So the
    disk is removable only if each of them says so.
    """
    devices = list(local_values(values, "device"))
    return bool(devices) and all(value in REMOVABLE for value in devices)


def local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition(" ")[2]


def local_values(values: Mapping[str, str], name: str) -> Iterator[str]:
    """The values of the attributes with this name, in any namespace."""
    for key, value in values.items():
        if local(key) == name:
            yield value


def _is_network_name(element: Element, key: str) -> bool:
    return local(key) == "name" and local(element.tag) == "source"


def _of_qemu(text: str) -> Iterator[str]:
    # Few VMs have such elements, and no other needs the module.
    from vdsm_backup.vm.qemu_arguments import paths_in

    return paths_in(text)


def _plain(text: str) -> Iterator[str]:
    yield from dict.fromkeys((text, text.strip()))


def _owner_at(within: Sequence[Element]) -> int:
    """
    Where among these elements the owner is of what is in the last of them.
    """
    if within[0].tag == "disk":
        return 0
    return 2 if within[1:] and within[1].tag in _ABOVE_OWNERS else 1


def _is_left_out(within: Sequence[Element]) -> bool:
    at = _owner_at(within)
    if len(within) <= at:
        # Nothing, or text between devices.
        return True
    if at and within[1].tag == "metadata":
        return True
    owner = within[at]
    above = within[1].tag if at else "devices"
    if above in _NO_PATHS:
        return True
    if above == "os":
        return owner.tag in _READ_ONLY
    if above == "devices" and owner.tag == "disk":
        return is_removable(owner.attributes)
    if above == "devices" and owner.tag == "filesystem":
        return any(element.tag == "target" for element in within[at + 1 :])
    return False
