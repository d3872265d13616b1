# SPDX-License-Identifier: GPL-2.0-or-later
"""
The bridge between the Backup box in the engine and the flag on storage.

    shapes.py      what is seen of a domain, remembered, and answered
    stamps.py      which flags of the storage are known
    edits.py       which edits of a domain are remembered
    memory.py      what is remembered of a domain, and when it is forgotten
    table.py       the table: which answer, when
    decide.py      what is seen and remembered in, an answer out
    state.py       what is remembered of an engine
    state_json.py  the same as JSON
    state_file.py  that JSON, in a file
    kept.py        what a bridge remembers, in memory and in that file
    connection.py  the SDK's connection, each call of which ends in time
    session.py     a session with the engine, and calls that fail
    entities.py    what an engine has
    answers.py     the same in answers, which are checked
    event_reader.py  lists of events, by the SDK and no more than is needed
    engine.py      what the bridge asks of an engine
    events.py      events of the engine that are new, and epochs
    hosts.py       the hosts, by ssh
    limited.py     a process that may not say too much
    flags.py       the flags of domains, by these
    inventory.py   what the engine has, as far as a look needs it
    reading.py     the flags that a look needs
    looks.py       what a look has seen
    acts.py        what is done about a domain
    next_look.py   when a domain is looked at again
    failing.py     the same, where a look has failed
    agenda.py      which domains a round looks at
    judge.py       what comes of a look at one domain
    rounds.py      what is done each few seconds
    report.py      what people are told
    host_hooks.py  which hosts would not refuse a VM
    watch.py       what is seen and told of them
    rows.py        what was seen of each domain, in words
    waits.py       what has to wait, for the log
    status.py      what was seen last, for people and programs
    log.py         lines for the journal, each once
    settings.py    the configuration
    service.py     round after round, until a signal
    command.py     the command line of all that
    __main__.py    the same by `python -m`
    agent.py       what a host lets a bridge do; runs on hosts

The bridge runs on the engine's side. It may use ovirtsdk4, and imports nothing
that only hypervisors have. Only agent.py runs on a host. shapes, stamps,
edits, memory, table, decide, state, report and rows are pure: no clock, no
file and no network.
"""
