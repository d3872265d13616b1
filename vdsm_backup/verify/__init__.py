# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether VDSM and we can use a domain: one set of checks, for `verify` and for
`doctor`. Reads only.

    domains.py               all checks of domains, put together
    findings.py              problems, notes, what was looked at and what not
    lines.py                 the lines of the metadata
    inspections.py           starts the two processes below, several at once
    inspect_domain.py        the process that reads files and leases on storage
    inspect_directories.py   the process that tells which directories are some
    leases.py                the areas of sanlock, and what is wrong
    files.py                 what inspect_domain.py has seen of a file domain
    volume_group.py          the VG of a block domain
    left_out.py              VGs that VDSM takes for no domain
    strays.py                directories and VGs that are a domain for nobody
    host.py                  what this host knows: records, history

A problem is where VDSM would refuse the domain, a flag could be misread or
lost, or a change would fail. What could not be looked at is told apart from
that, and all else is a note.
"""
