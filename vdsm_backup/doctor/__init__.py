# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether this host is really protected. Reads only.

    checks.py           what a check gives
    commands.py         the commands that checks run
    started.py          since when daemons run and files are as they are
    installed.py        the package of the hooks; does the plugin fit into VDSM
    hook_scripts.py     the scripts of the hooks
    sums.py             what these scripts are in this version
    launcher.py         how systemd starts VDSM
    settings.py         the configuration, and what it lifts
    permits.py          which VMs have a permit
    room.py             whether a change finds room on this host
    tools.py            ioprocess, lvm and its devices, sudo
    lvm_io.py           how lvm reads devices
    running.py          VDSM with the plugin, sanlock; VMs that break the rule
    libvirt.py          whether libvirt answers, and looks for our hook
    journal_storage.py  whether the journal is told, and keeps it
    killed_runs.py      what runs that were killed have left
    stacked.py          mount points that are mounted more than once
    gluster.py          the Gluster volumes that are mounted

What there is to say of domains is said by verify. A check is never "ok" about
what it could not look at.
"""
