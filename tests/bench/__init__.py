# SPDX-License-Identifier: GPL-2.0-or-later
"""
The bench: how long the product takes beside the least that anybody could do,
on storage that it makes itself.

    timing.py     one run of a command
    product.py    the product as it is installed, of this tree or of a commit
    floors.py     what rows are compared with
    place.py      where the bench has its storage
    row.py        what a row is, and what becomes of its figures. Pure
    rounds.py     takes measures in rounds
    rows/         the rows
    programs/     what is run without the bench
    table.py      the table, for a terminal and for the page. Pure
    __main__.py   measures, and shows the table
"""
