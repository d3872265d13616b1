# SPDX-License-Identifier: GPL-2.0-or-later
"""
The command of the bridge.

    vdsm-backup-domain-bridge                    run until SIGTERM; the service
    vdsm-backup-domain-bridge --once             one look at all domains
    vdsm-backup-domain-bridge --once --dry-run   what that would do
    vdsm-backup-domain-bridge status             what the service has seen last

Exit codes are those of vdsm-backup-domain.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from vdsm_backup import __version__, errors
from vdsm_backup.bridge import settings as bridge_settings
from vdsm_backup.bridge import status
from vdsm_backup.bridge.log import Log
from vdsm_backup.processes import signals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import NoReturn

    from vdsm_backup.bridge.service import Service
    from vdsm_backup.bridge.settings import Settings

PROGRAM = "vdsm-backup-domain-bridge"

_DONE = 0
_FAILED = 1
_PARTLY = 3
_SIGNALLED = 128


def run() -> NoReturn:
    """The whole process."""
    os.umask(0o077)
    code = _FAILED
    try:
        signals.hear_of_ends()
        code = main(sys.argv[1:], os.environ)
    except KeyboardInterrupt as e:
        code = _SIGNALLED + signals.number_of(e)
    sys.exit(code)


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    """Returns the exit code. An error is shown."""
    args = parser().parse_args(argv)
    if args.dry_run and not args.once:
        parser().error("--dry-run needs --once")
    if args.once and args.command:
        parser().error("--once is not for status")
    try:
        settings = bridge_settings.load(args.config, environ)
        if args.command == "status":
            return _show(status.read(settings.state), args.json)
        return _bridge(settings, environ, args)
    except errors.Error as e:
        _failure(e, args.json)
        return _FAILED


def parser() -> argparse.ArgumentParser:
    """The manual page is made of it, too."""
    made = argparse.ArgumentParser(
        PROGRAM,
        description="Keep the Backup boxes of an engine and the backup flags"
        " on storage in step:"
        " /usr/share/doc/vdsm-backup-domain/docs/bridge.md.",
        allow_abbrev=False,
    )
    made.add_argument(
        "command",
        nargs="?",
        choices=["status"],
        metavar="status",
        help="show what the service has seen last, instead of running",
    )
    made.add_argument(
        "--config",
        metavar="FILE",
        default=bridge_settings.PATH,
        help="the configuration, instead of %(default)s",
    )
    made.add_argument(
        "--once", action="store_true", help="look once at all domains, and end"
    )
    made.add_argument(
        "--dry-run",
        action="store_true",
        help="with --once: change nothing, tell what would be done",
    )
    made.add_argument(
        "--json", action="store_true", help="print one JSON object"
    )
    made.add_argument("--version", action="version", version=__version__)
    return made


def _show(found: dict[str, object], as_json: bool) -> int:
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print(status.text(found))
    if status.is_stale(found, time.time()):
        if not as_json:
            print("No bridge runs: this is old", file=sys.stderr)
        return _PARTLY
    return _DONE


def _bridge(
    settings: Settings, environ: Mapping[str, str], args: argparse.Namespace
) -> int:
    # The SDK takes long to import, and `status` does not need it.
    from vdsm_backup.bridge import service

    log = Log(environ)
    with (
        _own_directory(environ) as directory,
        service.opened(settings, log, directory, args.dry_run) as made,
    ):
        if not args.once:
            made.run()
        return _once(made, args.json)


def _once(made: Service, as_json: bool) -> int:
    made.once()
    found = status.to_json(made.status())
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print(status.text(found))
    return _DONE if made.is_complete else _PARTLY


def _failure(error: errors.Error, as_json: bool) -> None:
    if as_json:
        shown = {"schema": status.SCHEMA, "error": error.as_object()}
        print(json.dumps(shown, indent=2))
        return
    print(f"Error {error.code}: {error}", file=sys.stderr)
    for line in error.hint_lines():
        print(f"  {line}", file=sys.stderr)


@contextlib.contextmanager
def _own_directory(environ: Mapping[str, str]) -> Iterator[str]:
    """For the sockets of ssh: a short path, and of this process alone."""
    given = environ.get("RUNTIME_DIRECTORY")
    if given:
        yield given
        return
    made = tempfile.mkdtemp(prefix="vdsm-backup-")
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
