# SPDX-License-Identifier: GPL-2.0-or-later
import io

from vdsm_backup.bridge.log import WARNING, Log


def test_problem_is_told_when_it_begins_changes_and_ends():
    out = io.StringIO()
    log = Log({}, out)
    log.over("engine", "answers again")
    for _ in range(3):
        log.problem("engine", "gone", "a")
    log.problem("host", "gone, too", "a")
    log.problem("engine", "refuses", "b")
    log.over("engine", "answers again")
    log.over("engine", "answers again")
    log.problem("engine", "gone", "b")
    assert out.getvalue().splitlines() == [
        "gone",
        "gone, too",
        "refuses",
        "answers again",
        "gone",
    ]


def test_priority_for_the_journal():
    out = io.StringIO()
    log = Log({"JOURNAL_STREAM": "8:1"}, out)
    log.tell("all is well")
    log.tell("it is not", WARNING)
    assert out.getvalue() == "<5>all is well\n<4>it is not\n"
