# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the bench runs by the system's Python, without the bench itself:

    empty_hook.py   a hook that reads the XML of a VM, and no more
    storm.py        many callers of the plugin's shared reads at once, and as
                    many threads that only sleep
"""
