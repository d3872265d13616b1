# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether this host is really protected. Reads only.

    checks.py        what a check gives
    installed.py     whether hooks, tools and configuration are there
    running.py       whether VDSM with the plugin, sanlock and the journal run
    gluster.py       the Gluster volumes that are mounted
    killed_runs.py   what runs that were killed have left
    launcher.py      how systemd starts VDSM
    lvm_io.py        how lvm reads devices
    permits.py       which VMs have a permit
"""
