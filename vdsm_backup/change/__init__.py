# SPDX-License-Identifier: GPL-2.0-or-later
"""
Changing the flag, under the lease.

    change.py         a change of the flag, step by step
    steps.py          the steps that other changes have, too
    request.py        what a change is asked for, and its result
    world.py          what a change needs from the world, as Protocols
    attempt.py        one attempt: how far it has come, and how it ended
    audit.py          what became of it, in the journal and its record
    outcome.py        what became of a write that did not end well
    restore.py        puts a kept copy of the metadata back
    reseal.py         gives metadata the right checksum again
    history.py        copies of the metadata, kept before each change
    copy_record.py    a copy as a record: its fields, and its file
    copy_file.py      a copy in a file, which another host has exported
    through_vdsm.py   asks VDSM to change a domain that is attached
    write.py          the tool's side of a write
    overlap.py        a write, also where VDSM writes at the same time
    merge.py          what is to be stored then
    writer.py         the process that writes to storage
"""
