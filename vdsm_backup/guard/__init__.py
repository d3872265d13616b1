# SPDX-License-Identifier: GPL-2.0-or-later
"""
May a VM do this with the storage domains that it needs.

    policy.py         what may be done with a flagged domain, as data
    verdict.py        the answer, by the flags of all domains that a VM needs
    reading.py        how these are read: side by side, again if it took long
    host.py           the guard on this host, which reads storage
    permits.py        the permit of one VM, by which it is not refused
    permit_files.py   makes, removes and lists permits
    refusal.py        what a refusal says
    audit.py          what was found, in the journal

The guard never imports the configuration: it is given the options.
"""
