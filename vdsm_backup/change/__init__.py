# SPDX-License-Identifier: GPL-2.0-or-later
"""
Changing the flag, under the lease.

    change.py         the steps of a change
    world.py          what a change needs from the world, as Protocols
    restore.py        puts a kept copy of the metadata back
    history.py        copies of the metadata, kept before each change
    through_vdsm.py   asks VDSM to change a domain that is attached
    write.py          the tool's side of a write
    overlap.py        a write, also where VDSM writes at the same time
    merge.py          what is to be stored then
    writer.py         the process that writes to storage
"""
