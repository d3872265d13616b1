# SPDX-License-Identifier: GPL-2.0-or-later
"""
The campaign: many changes of the flag, each with faults at random steps, and
a judge of what became of each.

    plan.py       a seed and a number make the plan of a case. Pure
    judge.py      what was said, and what is on storage: is it true. Pure
    known.py      what is known to go wrong, and is counted but no failure
    tool.py       the command, in a process that waits at each step
    domains.py    the domain of a case, and what others do to it
    faults.py     the faults, made when their steps come
    case.py       one case, from its plan to the judge
    hosts.py      what runs cases: storage, daemons, the stand-in lease
    __main__.py   runs cases, and repeats one:
                  SEED=17 python -m tests.campaign held 4711

There are three parts. In `held` the lease is played by a socket, since what
matters is who has it, and for how long; all else is real. In `tool` it is
the lease of a sanlock daemon. In `hosts` a daemon is killed, or a whole host
stands still for longer than its lease lasts.
"""
