# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a VM uses: the storage domains that its disks and leases are on. Reads no
storage.

    domxml.py               the disks and leases of a VM, by its XML
    xml_tree.py             the XML as a tree of few levels
    xml_paths.py            all other paths in the XML
    qemu_arguments.py       paths in an argument of qemu
    scsi.py                 the SCSI devices of the host, by its XML
    links.py                the names that links give a path, within limits
    paths.py                the storage domains that a path can lie on
    luns.py                 the storage domains that a block device is part of
    shared_directories.py   the storage domains that are in a directory
    needs.py                the storage domains that a VM needs
    resolve_links.py        a process that follows links on a mount that may
                            hang
    followers.py            that process as a fork of the one that asks

A hook is a process on the way of every start of a VM, and every hook imports
this package. Of the standard library it imports `os`, `stat`, `time` and the
XML parser: each of `re`, `collections` and `typing` costs more than all of
this package. What few VMs need is imported where it is needed, and records
are those of record.py. `TYPE_CHECKING = False` followed by `if TYPE_CHECKING:`
is for mypy, which takes a variable of that name for true.
"""
