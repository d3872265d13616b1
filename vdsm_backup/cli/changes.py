# SPDX-License-Identifier: GPL-2.0-or-later
"""What set, clear and restore have in common: doing it and telling of it."""

from vdsm_backup.cli import (
    comparison,
    layout,
    objects,
    output,
    readings,
    wiring,
)
from vdsm_backup.cli.exits import Exit
from vdsm_backup.text import printable

# Seconds after which VDSM drops what it has in memory of a domain:
# [irs] repo_stats_cache_refresh_timeout in lib/vdsm/common/config.py.in.
_STALE = 300


def make(storage, failures, work, words, args, options, ui, copy=None):
    """
    Do `work(tools)`, which gives a change.Result, and tell what came of it;
    returns the exit code.

    failures: places in which another copy of the domain may be.
    words: what is said of the domain: (it was changed, it would be changed,
    there was nothing to change).
    copy: the kept one that is put back; what differs is then shown.
    """
    world = wiring.Wiring(options, args.timeout, ui.progress)
    tidied = ()
    try:
        result = work(world.tools(storage))
    finally:
        if not args.dry_run:
            tidied = world.tidy(storage)
            ui.notes(tidied)
    domain = objects.domain(readings.judge(storage, result.lines))
    notes = [
        *output.place_notes(failures),
        *result.notes,
        *_warnings(domain, result, args),
    ]
    more = {}
    if copy:
        notes += comparison.notes(copy, result, args.dry_run)
        more = comparison.data(copy, result)
    if ui.as_json:
        ui.json(
            domain=domain,
            changed=result.changed,
            dry_run=args.dry_run,
            notes=[*notes, *tidied],
            **more,
        )
        return Exit.DONE
    ui.lines(layout.wrap(_sentence(domain, result, words, args), ui.width))
    if domain["flag"] and not (result.changed and args.dry_run):
        for line in (objects.since(domain), objects.reason(domain)):
            ui.lines(layout.wrap(line, ui.width, "    "))
    if result.changed and (args.dry_run or copy):
        ui.lines(_difference(result))
    ui.notes(notes)
    return Exit.DONE


def _warnings(domain, result, args):
    if not result.changed:
        return
    if args.dry_run:
        yield "a dry run takes no lease: the change may still be refused"
    elif domain["pool"]:
        yield (
            "the domain is attached: a host without the VDSM plugin that"
            f" becomes SPM within {_STALE} seconds may write the old metadata"
            " back; run verify after a failover"
        )


def _sentence(domain, result, words, args):
    changed, would_change, unchanged = words
    subject = f"torage domain {objects.title(domain)}"
    if not result.changed:
        return f"Nothing to change: s{subject} {unchanged}."
    if args.dry_run:
        return f"Dry run, nothing was written: s{subject} {would_change}."
    return f"S{subject} {changed}."


def _difference(result):
    gone, new = comparison.difference(result.before or [], result.lines)
    return [
        *[f"  - {printable(line)}" for line in gone],
        *[f"  + {printable(line)}" for line in new],
    ]
