# SPDX-License-Identifier: GPL-2.0-or-later
"""
The plugin: what runs inside VDSM. The only package that imports VDSM.

    install.py     checks VDSM, then puts everything in place, or nothing
    patches.py     all places of VDSM that are wrapped, added to, or called
    shape.py       does a place look as expected
    metadata.py    no flag is lost by VDSM's stale copies
    verbs.py       StorageDomain.setBackup and getBackup, and getInfo
    schema.py      the same in VDSM's API schema
    storage.py     a domain's metadata, by VDSM's own I/O
    gates.py       where VMs get disks, and what stands before each place
    preview.py     the preview of a snapshot
    gate.py        the guard, with what VDSM knows of a VM
    shared_reads.py  reads of flags, shared by all who wait for a domain
    lease.py       the SDM lease, as VDSM takes it
    vms.py         who uses a domain, by VDSM's own list of VMs
    vdsm_errors.py our errors as VDSM's exceptions, and VDSM's as ours

Importing any of them changes nothing in VDSM; only install.install() does.
contrib/libexec/vdsmd is how VDSM is started with it.
"""
