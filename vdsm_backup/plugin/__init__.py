# SPDX-License-Identifier: GPL-2.0-or-later
"""
The plugin: what runs inside VDSM. No other package imports VDSM itself;
host/vdsm_client.py imports its client.

    install.py        checks VDSM, then puts everything in place, or nothing
    patches.py        all of VDSM that is wrapped, added to, or called
    shape.py          whether an attribute of VDSM is as expected
    metadata.py       no flag is lost by VDSM's stale copies
    verbs.py          StorageDomain.setBackup and getBackup, and getInfo
    caller.py         who has called a verb, as it says itself or as VDSM sees
    schema.py         the same in VDSM's API schema
    storage.py        a domain's metadata, by VDSM's own I/O
    gates.py          the functions of VDSM by which VMs get disks
    second_check.py   why their flags are read twice, and how
    preview.py        the preview of a snapshot
    formatting.py     formatting a domain
    gatekeeper.py     the guard, with what VDSM knows of a VM
    shared_reads.py   reads of flags, shared by all who wait for a domain
    lease.py          the SDM lease, as VDSM takes it
    vms.py            who uses a domain, by VDSM's own list of VMs
    vdsm_errors.py    our errors as VDSM's exceptions, and VDSM's as ours
    vdsm_types.py     names for VDSM's objects in signatures

Importing any of them changes nothing in VDSM; only install.install() does.
contrib/libexec/vdsmd starts VDSM with the plugin in it.
"""
