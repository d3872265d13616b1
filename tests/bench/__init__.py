# SPDX-License-Identifier: GPL-2.0-or-later
"""
The bench: how long the product takes beside the least that anybody could do,
on storage that it makes itself.

    timing.py     one run of a command
    traced.py     which processes a command has
    memory.py     how much memory it takes
    tree.py       the same of what goes on, and its CPU time
    product.py    the product as it is installed, of this tree or of a commit
    floors.py     what rows are compared with
    place.py      where the bench has its storage
    row.py        what a row is, and what becomes of its figures. Pure
    measures.py   measures of commands
    bridge_load.py   a bridge, and all that it has to do with
    engine_sizes.py  how much an engine says
    rounds.py     takes measures in rounds
    rows/         the rows, in groups
    groups.py     all groups
    programs/     what is run without the bench
    saved.py      the figures in a file
    machine.py    what they were measured on
    table.py      the table, for a terminal and for the page. Pure
    plots.py      the plots
    page.py       docs/performance.md
    __main__.py   measures, and shows the table
"""
