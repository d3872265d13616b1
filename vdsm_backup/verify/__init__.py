# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether VDSM and we can use a domain: one set of checks, for `verify` and for
`doctor`. Reads only.

    domains.py       all checks of domains, put together
    findings.py      what the checks give: problems, notes, what was looked at
    lines.py         the lines of the metadata
    look.py          the process that looks at files and leases on storage
    look_for_domains.py  the process that looks whether directories are some
    looking.py       starts these processes, several at once
    leases.py        which areas of sanlock there must be, and what is wrong
    files.py         what that process has seen of a file domain
    volume_group.py  the VG of a block domain
    strays.py        directories and VGs that are a domain for nobody
    host.py          what this host knows of the domain: records, history

A problem is where VDSM would refuse the domain, a flag could be misread or
lost, or a change would fail. All else is a note.
"""
