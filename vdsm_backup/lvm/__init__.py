# SPDX-License-Identifier: GPL-2.0-or-later
"""
LVM, limited to some devices, each command bounded.

    command.py      runs the lvm command
    limited.py      its commands, as results or as errors
    vgs.py          VGs, read and changed
    scan.py         the VGs of a scan, and which of them may be used
    report.py       what pvs and lvs report, as data
    labels.py       LUNs of domains that LVM takes for something else
    read_labels.py  the process that reads their labels
    layout.py       where the LVs of a VG are on its PVs, as data
    activation.py   the LVs of a lease, active while they are needed
"""
