# SPDX-License-Identifier: GPL-2.0-or-later
"""
metrics: what there is to watch on this host, for Prometheus or collectd.

Everything has its own time limit: a mount, a LUN, VDSM or a journal that hangs
is a part that could not be read.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

from vdsm_backup import errors, prometheus
from vdsm_backup.cli import exposition, measurements
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.survey import Survey, domain_of
from vdsm_backup.doctor import checks, hook_scripts, running
from vdsm_backup.fileio import choose
from vdsm_backup.host import journalctl
from vdsm_backup.host.user import become_caller_again, become_user
from vdsm_backup.processes import regular_files, whole_files
from vdsm_backup.processes.jobs import telling
from vdsm_backup.storage.sources import Sources
from vdsm_backup.text import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from vdsm_backup.cli.output import UI
    from vdsm_backup.cli.survey import Answer
    from vdsm_backup.config import Config
    from vdsm_backup.prometheus import Sample

_ROOT = 0

# Who collects the values is another user.
_MODE = 0o644

_POINTS = (*hook_scripts.POINTS, hook_scripts.LIBVIRT_POINT)


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """
    Returns PARTLY if something could not be read; what was read is printed,
    or written, all the same.

    Raises OutputFailed if the file cannot be written.
    """
    samples, notes = _samples(options, ui)
    if args.output:
        become_caller_again()
        _write(args.output, _text(samples, args.collectd))
    if ui.as_json:
        ui.json(samples=exposition.as_objects(samples), notes=notes)
    elif not args.output:
        ui.text(_text(samples, args.collectd))
    ui.notes(notes)
    return Exit.PARTLY if notes else Exit.DONE


def _text(samples: list[Sample], for_collectd: bool) -> str:
    if not for_collectd:
        return prometheus.text(samples, measurements.FAMILIES)
    # As the exec plugin says them to what it runs.
    host = os.environ.get("COLLECTD_HOSTNAME") or socket.gethostname()
    interval = os.environ.get("COLLECTD_INTERVAL", "")
    return exposition.collectd(samples, host, interval)


def _write(path: str, text: str) -> None:
    try:
        whole_files.replace(path, text.encode("utf-8"), _MODE)
    except OSError as e:
        reason = regular_files.why(e)
        raise errors.OutputFailed(path, reason)


def _samples(options: Config, ui: UI) -> tuple[list[Sample], list[str]]:
    """(what was measured, why the rest could not be)"""
    user = hook_scripts.User("user vdsm", options.uid, options.gid)
    # libvirt's directory can be closed to all but root.
    hooks = dict(zip(_POINTS, hook_scripts.check(user)))
    become_user(options)
    choose.start_reader(options.ioprocess)
    sources = Sources(options)
    survey = Survey(sources.scans(), options.io_timeout, ui.waits_for)
    answers = survey.all()
    now = time.time()
    with telling(["the journal of this host"], ui.waits_for):
        journal = journalctl.read(
            {_ROOT, options.uid}, since=now - measurements.WINDOW
        )
    (plugin,) = list(running.plugin(options, ""))[:1]

    problems = {
        "domains": [x for x in map(_why_unread, answers) if x],
        "journal": journal.problems,
        "hooks": _unknown(hooks.values()),
        "plugin": _unknown([plugin]),
    }
    samples = [
        *measurements.of_domains(answers),
        *measurements.of_guard(options.guard_mode),
        *measurements.of_hooks(hooks),
        *measurements.of_plugin(plugin),
        *measurements.of_parts({k: bool(v) for k, v in problems.items()}),
        *measurements.of_run(now),
    ]
    if not journal.problems:
        samples += measurements.of_journal(journal.entries)
    return samples, [text for texts in problems.values() for text in texts]


def _why_unread(answer: Answer) -> str:
    """Why the flag is not known, or ""."""
    domain = domain_of(answer)
    if domain["flag"] is not None or not domain["error"]:
        return ""
    place, message = printable(domain["place"]), domain["error"]["message"]
    return message if place in message else f"{place}: {message}"


def _unknown(findings: Iterable[checks.Finding]) -> list[str]:
    return [
        f"{found.check}: {found.text}"
        for found in findings
        if found.state == checks.UNKNOWN
    ]
