# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether this host is really protected. Reads only.

    checks.py        one function for each check
    gluster.py       the Gluster volumes that are mounted
    killed_runs.py   what runs that were killed have left
    permits.py       which VMs have a permit
"""
