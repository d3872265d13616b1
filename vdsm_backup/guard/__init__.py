# SPDX-License-Identifier: GPL-2.0-or-later
"""
May a VM do this with the storage domains that it needs.

    policy.py    what may be done with a flagged domain, as data
    verdict.py   the answer, by the flags of all domains that a VM needs
    reading.py   how these are read: side by side, and again if it took long
    host.py      the guard on this host, which reads storage
    refusal.py   what a refusal says
    audit.py     what was found, in the journal

The guard never imports the configuration: it is given the options.
"""
