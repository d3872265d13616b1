# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the hooks of VDSM and libvirt run.

    entry.py    what the scripts in hooks/ call: the caller's conventions
    answer.py   from the XML of a VM to allowed or refused

A hook is a process on the way of every start of a VM. tests/integration/
hooks_imports_test.py holds what it may import, and why.
"""
