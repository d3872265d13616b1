# SPDX-License-Identifier: GPL-2.0-or-later
"""
The command line: vdsm-backup-domain.

    main        the process and the command; makes words and an exit code of
                an error
    commands    the commands and their options, as data
    parser      the parser of the arguments
    exits       the exit codes

Each command is a module that is imported when the command is used, and has
run(args, options, ui), which returns the exit code:

    list show verify history explain check doctor      read only
    set (also clear) restore                           change the metadata

What commands have in common:

    target      which domain the user means
    survey      all domains that this host can see
    readings    what was read of a domain, and what of that is wrong
    changes     make a change, and show it
    comparison  a kept copy beside the metadata that it replaces
    wiring      the real world for the layers below, put together
    objects     the JSON objects of docs/json.md, and texts made of them
    output      what the user sees
    layout      text made harmless, indented, and in tables

Nothing but __main__ imports this package.
"""
