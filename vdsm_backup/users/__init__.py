# SPDX-License-Identifier: GPL-2.0-or-later
"""
Who uses a domain, as far as this host can see.

    users.py         all that can be seen, put together
    running_vms.py   a script: running VMs of this host, by libvirt
    image_locks.py   a script: images that qemu has open, by its locks
"""
