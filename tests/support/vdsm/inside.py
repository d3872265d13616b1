# SPDX-License-Identifier: GPL-2.0-or-later
"""
What functions of tests reach that run in a vdsmd.py, by vdsmhost.Host.do().
It puts its own here when it has started: hsm, cif, libvirt (the connection to
the test driver), done (what was done to disks), and Vm, a stand-in.
"""

import importlib

hsm = cif = libvirt = done = Vm = None


def set_constant(module, name, value):
    setattr(importlib.import_module(module), name, value)


def retry_for(seconds):
    """A file that is missing is waited for."""
    set_constant("vdsm_backup.plugin.metadata", "RETRY_FOR", seconds)


def forget():
    """What was prepared, torn down and done so far, and then()."""
    cif.then = lambda: None
    for told in (cif.prepared, cif.torn_down, done):
        told.clear()


def forget_domain(sd_id):
    from vdsm.storage.sdc import sdCache

    sdCache.manuallyRemoveDomain(sd_id)
