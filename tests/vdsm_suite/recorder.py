# SPDX-License-Identifier: GPL-2.0-or-later
"""
A pytest plugin that notes what becomes of each test, in the file that RECORD
names, a line of JSON each: tests can end the whole process, as VDSM's panic()
does. The tests that are in the file are not run again.
"""

import json
import os
import re

import pytest

#: Name of the environment variable with the path of the file.
RECORD = "VDSM_SUITE_RECORD"
#: The same for a file with the tests that are to be run; "" for all.
ONLY = "VDSM_SUITE_ONLY"

# Of the test that runs: the outcomes of its phases.
_phases = []


def read(path):
    """
    ({test: (outcome, why)}, whether the last process came to its end). A test
    that has begun, and has no outcome, ended the process: it "died".
    """
    found, ended = {}, False
    if os.path.exists(path):
        with open(path) as f:
            for line in f:
                entry = json.loads(line)
                ended = "ended" in entry
                if not ended:
                    found[entry["test"]] = (entry["outcome"], entry["why"])
    return found, ended


def _write(**entry):
    with open(os.environ[RECORD], "a") as f:
        f.write(json.dumps(entry) + "\n")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    done, _ = read(os.environ[RECORD])
    only = None
    if os.environ[ONLY]:
        with open(os.environ[ONLY]) as f:
            only = set(json.load(f))
    chosen, others = [], []
    for item in items:
        test = _name(item.nodeid)
        wanted = test not in done and (only is None or test in only)
        (chosen if wanted else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = chosen


def _name(nodeid):
    """A parameter can be an object, of which pytest says its address."""
    return re.sub(r"\b0x[0-9a-f]{6,}", "0x...", nodeid)


def pytest_collectreport(report):
    if report.failed:
        why = _last_line(report)
        test = _name(report.nodeid)
        _write(test=test, outcome="not collected", why=why)


def pytest_runtest_logstart(nodeid):
    _phases.clear()
    _write(test=_name(nodeid), outcome="died", why="")


def pytest_runtest_logreport(report):
    outcome = report.outcome
    if hasattr(report, "wasxfail"):
        outcome = "xfailed" if report.skipped else "xpassed"
    elif report.failed and report.when != "call":
        outcome = f"error in {report.when}"
    _phases.append((outcome, _last_line(report)))


def pytest_runtest_logfinish(nodeid):
    bad = [(o, why) for o, why in _phases if o != "passed"]
    outcome, why = bad[0] if bad else ("passed", "")
    _write(test=_name(nodeid), outcome=outcome, why=why)


def pytest_sessionfinish():
    _write(ended=True)


def _last_line(report):
    if not report.longrepr or isinstance(report.longrepr, tuple):
        return ""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    return (text.strip().splitlines() or [""])[0 if crash else -1][:300]
