# SPDX-License-Identifier: GPL-2.0-or-later
"""
All checks of doctor, in their order. Each is told apart: one that fails, or
cannot be made, hides no other.

First comes what concerns this host alone, as the user that started the
command. Then, as the configured user, what needs the configuration.
"""

from __future__ import annotations

import contextlib
import functools
import os
from typing import TYPE_CHECKING

from vdsm_backup import config, errors
from vdsm_backup.cli import readings, verification
from vdsm_backup.cli.survey import Survey
from vdsm_backup.cli.who_uses import who_uses
from vdsm_backup.doctor import (
    checks,
    gluster,
    hook_scripts,
    installed,
    journal_storage,
    killed_runs,
    launcher,
    libvirt,
    lvm_io,
    permits,
    room,
    running,
    settings,
    stacked,
    tools,
)
from vdsm_backup.host import mounts
from vdsm_backup.host.user import become_user
from vdsm_backup.processes.jobs import telling
from vdsm_backup.storage.sources import Sources
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from vdsm_backup.cli.output import UI
    from vdsm_backup.cli.survey import Answer
    from vdsm_backup.config import Config
    from vdsm_backup.processes.jobs import Slow
    from vdsm_backup.storage.base import Storage
    from vdsm_backup.users.users import Users

# Who runs the hooks of VDSM, where no configuration says it.
_VDSM = (config.OVIRT_IDS["vdsm"], config.OVIRT_IDS["kvm"])

# What needs more of the configuration than hooks read.
_REST = (
    "room, tools, the plugin that runs, libvirt, killed runs, domains and VMs"
)


class Checkup:
    """findings: those of all checks that were made."""

    def __init__(
        self, path: str | None, debug: bool, ui: UI, typed: str = ""
    ) -> None:
        """
        path: of --config, or None. debug: show traces of faults. typed: see
            Config.command.
        """
        self.findings: list[checks.Finding] = []
        self._path = path
        self._typed = typed
        self._ui = ui
        self._trace = ui.trace if debug else lambda text: None

    def plugin_only(self) -> None:
        """Whether the plugin fits into the VDSM that is installed."""
        self._check("vdsm", installed.plugin_fits)

    def all(self) -> None:
        options = self._configuration()
        # Hooks go by their part of it also where another part is wrong.
        of_hooks = options or self._of_hooks()
        user = (of_hooks.uid, of_hooks.gid) if of_hooks else _VDSM
        package = self._of_host(user)
        if of_hooks is None or not self._became_user(of_hooks):
            self._not_looked_at(f"guard, permits, {_REST}")
            return
        in_part = options is None
        self._check(
            "configuration", settings.configuration, self._path, in_part
        )
        self._check("guard", settings.guard, of_hooks)
        self._check("permits", permits.check, of_hooks.permits)
        if options is None:
            self._not_looked_at(_REST)
            return
        self._of_configuration(options, package)
        answers = self._of_storage(options)
        self._check("killed runs", _killed_runs, options, answers or ())
        slow = self._ui.waits_for
        self._check("VMs", _violations, options, answers, slow)

    def _configuration(self) -> Config | None:
        try:
            options = config.load(self._path)
        except errors.ConfigInvalid as e:
            self.findings.append(settings.unusable(e, self._path))
            return None
        options.command = self._typed
        return options

    def _of_hooks(self) -> Config | None:
        """What hooks read of a configuration that cannot be used."""
        with contextlib.suppress(errors.ConfigInvalid):
            return config.load(self._path, config.OF_GUARD)
        return None

    def _not_looked_at(self, what: str) -> None:
        text = f"{what} were not looked at"
        hint = "mend what is said of configuration and user first"
        rest = checks.Finding("the rest", checks.UNKNOWN, text, hint)
        self.findings.append(rest)

    def _of_host(self, user: tuple[int, int]) -> installed.Package:
        python = installed.PYTHON
        with self._told(python):
            package = installed.package_of(python, user)
        sure = os.getuid() in (0, user[0])
        self._check("package", installed.package, package, python, sure)
        vdsm = hook_scripts.User("user vdsm", *user)
        self._check("hooks", hook_scripts.check, vdsm)
        hook = hook_scripts.PLACES.of_libvirt
        self._check("libvirt daemon", libvirt.daemon, hook)
        self._check("launcher", launcher.check)
        self._check("systemd", launcher.reloaded)
        self._check("journal", journal_storage.check)
        return package

    def _became_user(self, options: Config) -> bool:
        try:
            become_user(options)
        except errors.ConfigInvalid as e:
            self.findings.append(checks.of_error("user", checks.UNKNOWN, e))
            return False
        return True

    def _of_configuration(
        self, options: Config, package: installed.Package
    ) -> None:
        self._check("room", room.check, options)
        name = "plugin"
        self._check(name, running.plugin, options, package.directory)
        last = self.findings[-1]
        if (last.check, last.state) == (name, checks.UNKNOWN):
            # What is installed is the most that can be told then.
            self._check("vdsm", installed.plugin_fits)
        ioprocess = None if package.problem else package.ioprocess
        self._check("ioprocess", tools.ioprocess, options, ioprocess)
        self._check("lvm", tools.lvm)
        self._check("devices", tools.lvm_devices, options)
        self._check("lvm I/O", lvm_io.check, options)
        self._check("sudo", tools.sudo, options)
        self._check("libvirt", libvirt.answers)
        table = mounts.table()
        self._check("mounts", stacked.check, options.repo_root, table)

    def _of_storage(self, options: Config) -> list[Answer] | None:
        """The answers of all sources; None if they could not be asked."""
        sources = Sources(options)
        answers: list[Answer] = []
        done = []

        def check() -> Iterator[checks.Finding]:
            # It tells itself for which places it waits.
            slow = self._ui.waits_for
            survey = Survey(sources.scans(), options.io_timeout, slow)
            answers.extend(survey.all())
            done.append(True)
            yield from _domains(answers, sources, options, slow)

        self._check("domains", check)
        directories = _directories(answers)
        table = mounts.table()
        self._check("gluster", gluster.check, directories, table, options)
        return answers if done else None

    def _check(
        self,
        name: str,
        check: Callable[..., Iterable[checks.Finding]],
        *args: object,
    ) -> None:
        """Add what a check finds."""
        call = functools.partial(check, *args)
        with self._told(name):
            self.findings += checks.run(name, call, self._trace)

    def _told(self, what: str) -> AbstractContextManager[None]:
        """Tell somebody at a terminal what a slow check waits for."""
        return telling([what], self._ui.waits_for)


def _domains(
    answers: list[Answer], sources: Sources, options: Config, slow: Slow
) -> Iterator[checks.Finding]:
    """What verify says of the domains of this host."""
    report = verification.report(answers, sources, options, slow)
    whole = True
    for verified in report.all:
        name = f"domain {verified.sd_id}"
        if not verified.sd_id:
            name = f"storage {printable(verified.place or '')}"
        both = name
        if verified.is_twin:
            name += f" in {printable(verified.place or '')}"
        for error in verified.problems:
            unread = verification.is_unreadable(error)
            state = checks.UNKNOWN if unread else checks.BAD
            # That it is in two places is told once.
            is_of_both = isinstance(error, errors.AmbiguousDomain)
            yield checks.of_error(both if is_of_both else name, state, error)
        for text in verified.unseen:
            yield checks.Finding(name, checks.UNKNOWN, text)
        for text in verified.notes:
            yield checks.Finding(name, checks.NOTE, text)
        whole &= not (verified.problems or verified.unseen)
    if not report.scanned and not report.all:
        text = "none was looked for: nothing is mounted below"
        text += f" {options.repo_root}/mnt, and there is no device"
        hint = "activate this host in the engine, which connects its storage"
        yield checks.Finding("domains", checks.NOTE, text, hint)
    elif whole:
        yield checks.Finding("domains", checks.OK, report.summary())


def _killed_runs(
    options: Config, answers: Iterable[Answer]
) -> Iterator[checks.Finding]:
    run_dir = os.path.abspath(options.run_dir)
    left = killed_runs.ask(run_dir)
    yield from running.sanlock(left)
    known = _known(answers)
    yield from killed_runs.check(left, run_dir, options.host_id, known)


def _violations(
    options: Config, answers: Iterable[Answer] | None, slow: Slow
) -> Iterator[checks.Finding]:
    if answers is None:
        text = "not looked for: which domains are flagged is not known"
        yield checks.Finding("VMs", checks.UNKNOWN, text, "see domains")
        return
    flagged: list[Storage] = []
    unread = []
    answers = list(answers)
    for answer in answers:
        if not isinstance(answer, readings.Reading):
            unread.append(answer.source)
        elif answer.flag is None:
            unread.append(answer.storage.found_at)
        elif answer.flag.value:
            flagged.append(answer.storage)

    def users(storage: Storage) -> Users:
        with telling([storage.found_at], slow):
            return who_uses(storage, options)

    found = sum(isinstance(answer, readings.Reading) for answer in answers)
    yield from running.violations(flagged, users, unread, found, libvirt.count)


def _known(answers: Iterable[Answer]) -> dict[str, killed_runs.Known]:
    """
    Of the domains whose flag is known, by their UUIDs. Of several places it
    is the first by name, whichever has answered first.
    """
    places: dict[str, list[readings.Reading]] = {}
    for answer in answers:
        if isinstance(answer, readings.Reading) and answer.flag:
            places.setdefault(answer.storage.sd_id, []).append(answer)
    found = {}
    for sd_id, those in places.items():
        first = min(those, key=lambda reading: reading.storage.found_at)
        assert first.flag
        path = first.storage.found_at if len(those) > 1 else ""
        found[sd_id] = killed_runs.Known(first.flag, path)
    return found


def _directories(answers: Iterable[Answer]) -> list[str]:
    """Those of file domains, and of sources that could not be searched."""
    found = (
        (
            (answer.storage.kind, answer.storage.found_at)
            if isinstance(answer, readings.Reading)
            else (answer.kind, answer.source)
        )
        for answer in answers
    )
    return [directory for kind, directory in found if kind == "file"]
