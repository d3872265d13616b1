# SPDX-License-Identifier: GPL-2.0-or-later
"""
The command line: vdsm-backup-domain.

    main.py         the process and the command; makes words and an exit code
                    of an error
    command.py      what a command is
    commands.py     the commands, as data
    arguments.py    the arguments that several of them have
    values.py       the types of the options' values
    parser.py       the parser of the arguments
    combinations.py which arguments exclude each other
    exits.py        the exit codes
    endings.py      how a change has ended, in a table

Each command is a module that is imported when the command is used, and has
run(args, options, ui), which returns the exit code. These only read:

    list.py         all domains that this host can see
    show.py         all about one domain
    verify.py       what is wrong with domains
    history.py      copies of the metadata, kept before each change
    log.py          changes and refusals of this host
    explain.py      what an error code means
    config.py       the options of this host, and their files
    check.py        what the guard of this host would do
    doctor.py       is this host really protected
    metrics.py      what there is to watch on this host

This one changes what the guard of this host answers:

    permit.py       lets one VM use flagged domains, for a time

These change the metadata:

    set.py          set and clear the flag
    restore.py      puts a kept copy back
    reseal.py       gives metadata the right checksum again

What commands have in common:

    target.py       which domain the user means
    recorded.py     the same, by the records of this host alone
    copy_objects.py kept copies as JSON and in a table
    where_changed.py on which host the copies of a domain are
    parts.py        what is said where a part of the configuration is left out
    survey.py       all domains that this host can see
    measurements.py what `metrics` tells, as samples
    exposition.py   samples as collectd and JSON have them
    readings.py     what was read of a domain, and what of that is wrong
    verification.py what there is to say of domains
    checkup.py      all checks of doctor, in their order
    log_entries.py  what log tells of, from the journal and the history
    changes.py      make a change, and show it
    interruption.py a change that is interrupted, or fails
    domain_table.py the table of list, on a terminal of any width
    completion.py   what the completion of the shell knows of domains
    diagnosis.py    why sanlock, or a write, has failed on a domain
    copies.py       which copy there is of metadata that is damaged
    comparison.py   a kept copy beside the metadata that it replaces
    who_uses.py     who uses a domain, as far as this host can see
    wiring.py       the real world for the layers below, put together
    tidying.py      what runs leave behind on this host
    maintenance.py  whether VDSM of this host has a domain active
    objects.py      the JSON objects of docs/json.md, and texts made of them
    schema.py       the types of these objects
    output.py       what the user sees
    layout.py       text made harmless, indented, and in tables

Nothing but __main__ imports this package.
"""
