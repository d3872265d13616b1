# SPDX-License-Identifier: GPL-2.0-or-later
"""
The rows of the table, in groups that are measured together. Each module has
its ROWS, and make(products, place), a context in which its measures can be
taken:

    hook.py      a hook, by what the VM has
    listing.py   `list`, by how many domains there are
"""
