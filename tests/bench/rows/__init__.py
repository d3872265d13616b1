# SPDX-License-Identifier: GPL-2.0-or-later
"""
The rows of the table, in groups that are measured together. Each module has
its ROWS; missing(), why they cannot be measured here; and make(products,
place), a context in which its measures can be taken:

    hook.py            a hook, by the file domains of the VM
    hook_block.py      the same, by its block domains
    start.py           all hooks of one start
    listing.py         `list`, by how many file domains there are
    listing_block.py   the same, block domains
    change.py          `set` and `clear`
    storm.py           many callers in VDSM
    memory.py          memory, and how many processes
    hang.py            `list` while a mount hangs
    plugin.py          VDSM with the plugin
"""
