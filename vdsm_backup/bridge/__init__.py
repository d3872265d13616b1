# SPDX-License-Identifier: GPL-2.0-or-later
"""
The bridge between the Backup box in the engine and the flag on storage.

    shapes.py   what is seen of a domain, remembered, and answered
    memory.py   what is remembered of a domain, and when it is forgotten
    decide.py   the table: what is seen and remembered in, an answer out
    state.py    what is remembered, in a file
    box.py      the engine, by its REST API
    events.py   events of the engine that are new, and epochs
    hosts.py    the hosts, by ssh
    report.py   what people are told
    agent.py    what a host lets a bridge do; runs on hosts

The bridge runs on the engine's side. It may use ovirtsdk4, and imports nothing
that only hypervisors have. Only agent.py runs on a host. shapes, memory,
decide and report are pure: no clock, no file and no network.
"""
