# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the bridge needs of an engine, as tests that run against any engine: the
stand-in always, and the real one that the environment names.

    session_test.py   who is let in, and who is not
    listed_test.py    storage domains, data centers, hosts and their hooks
    events_test.py    events: their order, their ids, those that we add
    box_test.py       the Backup box, and what an edit writes
    rows_test.py      rows of the bridge's table whose box is in that engine

A test asks by the bridge's own code, and by plain HTTPS where the SDK hides
what the engine says. What it may change is in tests/support/bridge/tested.py.
"""
