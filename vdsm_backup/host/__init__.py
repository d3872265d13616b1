# SPDX-License-Identifier: GPL-2.0-or-later
"""
This host, without touching storage.

    mounts.py          what is mounted, by the kernel's table
    filesystems.py     what a file system cannot do that the flag wants
    devices.py         the block devices that LVM is limited to, by sysfs
    block_stack.py     what is below and on top of a block device, by sysfs
    user.py            the user that reads storage, and its directories
    caller.py          who runs this command
    journal.py         entries in systemd's journal
    journal_entries.py the entries that journalctl prints. Pure
    journalctl.py      what we have told the journal, read again
    hosted_engine.py   which domain has the hosted engine's own VM
    vdsm_running.py    whether VDSM of this host may be running
    vdsm_client.py     VDSM of this host, by its API
"""
