# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runbooks: pages that show what an administrator types when something is wrong,
and all that is answered. Each section of a page begins with storage of its
own, on real parts (runbook_stage.py):

    ## The checksum was deleted

    <!-- happens: flagged -->
    <!-- happens: checksum_deleted -->

    ```console
    host1# vdsm-backup-domain list
    UUID ...
    ```

"happens" names a method of the stage. What stands behind a prompt is typed on
the host of that name, all in one directory, and what follows is what it has
said: stdout, then stderr, with the names of night.py.
"""

import os
import re

from tests import ROOT
from tests.support import runbook_stage

PAGES = ("docs/bad-night.md", "docs/damaged.md", "docs/operations.md")

_STEP = re.compile(
    r"(?ms)^<!-- happens: (?P<event>\w+) -->$"
    r"|^```console\n(?P<block>.*?)^```$"
)
_PROMPT = re.compile(r"((?:host|engine)[12])# (.*)")


def read(page):
    with open(os.path.join(ROOT, page), encoding="utf-8") as f:
        return f.read()


def sections(text):
    """The parts of a page, which together are the page."""
    return re.split(r"(?m)^(?=## )", text)


def has_steps(section):
    return bool(_STEP.search(section))


def title(section):
    return section.partition("\n")[0].removeprefix("## ")


def events(section):
    return [m["event"] for m in _STEP.finditer(section) if m["event"]]


def commands(section):
    for match in _STEP.finditer(section):
        for line in (match["block"] or "").splitlines():
            if found := _PROMPT.match(line):
                yield found[2]


def has_engine(section):
    return bool(re.search("(?m)^engine[12]# ", section))


def stage_class(section):
    """Where its commands are typed."""
    if has_engine(section):
        # Wants the SDK of engines.
        from tests.support.bridge import restore_stage

        return restore_stage.Stage
    return runbook_stage.Stage


def typed(section, stage):
    """The section with what its commands say now."""

    def step(match):
        if match["event"]:
            getattr(stage, match["event"])()
            return match[0]
        lines = []
        for line in match["block"].splitlines():
            if found := _PROMPT.match(line):
                lines += [line, *stage.types(found[1], found[2])]
        return "\n".join(["```console", *lines, "```"])

    return _STEP.sub(step, section)


def retyped(text):
    """A page with what all its commands say now."""
    with runbook_stage.Daemons() as daemons:
        return "".join(
            retyped_section(section, daemons) for section in sections(text)
        )


def retyped_section(section, daemons=None):
    """daemons: of the hosts; not needed beside an engine."""
    if not has_steps(section):
        return section
    needed = () if has_engine(section) else (daemons,)
    with stage_class(section)(*needed) as stage:
        return typed(section, stage)
