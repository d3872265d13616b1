# SPDX-License-Identifier: GPL-2.0-or-later
"""
The answer of a hook: from the XML of a VM to allowed or refused, with the
text of a refusal.

A fault is an answer, too: a text of one line with a code; its trace is in the
journal. What becomes of the VM is then for section [guard] of the
configuration to say, as with a flag that cannot be read. If the configuration
is what cannot be read, the VM is refused.
"""

from __future__ import annotations

import os
import stat
import sys

from vdsm_backup import config, errors
from vdsm_backup.guard import host as guard_host
from vdsm_backup.guard import policy
from vdsm_backup.host.user import become_user
from vdsm_backup.record import Record
from vdsm_backup.text import is_uuid, printable
from vdsm_backup.vm import domxml

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, Protocol

    class Source(Protocol):
        """
        Where the XML comes from: a File or Stdin.

        vm_id: the UUID of the VM if the caller tells it apart from the XML,
            else "".
        """

        vm_id: str

        def read(self) -> bytes:
            """
            The XML, of which the bytes behind domxml.MAX_XML + 1 are left
            out. Raises VmUnclear if it cannot be read.
            """


class Answer(Record):
    """
    What the hook answers to its caller.

    text: for the caller's stderr. It is empty if the VM is allowed: where
        another hook refuses the VM, VDSM may show the text of ours.
    """

    __slots__ = ("allowed", "text")

    def __init__(self, allowed: bool, text: str = "") -> None:
        self.allowed = allowed
        self.text = text


class File:
    """
    The XML in a file, as VDSM gives it.

    path: None if the caller has named no file.
    vm_id: of the VM, as the caller says it. Anything but a UUID is left out.
        The XML of a hot plug is a single disk, which does not name its VM.
    """

    def __init__(self, path: str | None, vm_id: str) -> None:
        self._path = path
        self.vm_id = vm_id if is_uuid(vm_id) else ""

    def read(self) -> bytes:
        """See Source."""
        if not self._path:
            raise errors.VmUnclear("VDSM named no file with its XML")
        try:
            return _read_file(self._path)
        except (OSError, ValueError) as e:
            reason = getattr(e, "strerror", None) or str(e)
            raise errors.VmUnclear(f"its XML cannot be read: {reason}")


class Stdin:
    """The XML on stdin, as libvirt gives it."""

    vm_id = ""

    def read(self) -> bytes:
        """See Source."""
        try:
            return _read_bounded(sys.stdin.buffer)
        except (OSError, AttributeError) as e:
            # AttributeError: the caller has closed stdin, so it is None.
            reason = getattr(e, "strerror", None) or str(e)
            raise errors.VmUnclear(f"its XML cannot be read: {reason}")


def _read_file(path: str) -> bytes:
    # O_NONBLOCK: a FIFO does not stop us.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags)
    with open(fd, "rb") as f:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("it is no regular file")
        return _read_bounded(f)


def _read_bounded(f: BinaryIO) -> bytes:
    # One byte more than is allowed, by which the parser sees that the XML is
    # too long.
    return f.read(domxml.MAX_XML + 1)


class Hook:
    """
    One call of a hook.

    operation: of guard/policy.py.
    config_path: of the configuration file; None for that of the host.
    started: the time.monotonic() at which the hook began. [storage]
        io_timeout is counted from there.
    own_process: this process is the hook, and nothing else.
    """

    def __init__(
        self,
        operation: str,
        config_path: str | None,
        started: float,
        own_process: bool = False,
    ) -> None:
        self._operation = operation
        self._config_path = config_path
        self._started = started
        self._own_process = own_process
        # What is known so far: an answer names it, also if we fail.
        self._settings = policy.Settings()
        self._vm = "A VM"
        self._vm_id: str | None = None

    def answer(
        self, source: Source, skip: Callable[[domxml.Vm], bool] | None = None
    ) -> Answer:
        """
        The answer for the VM of an XML. Raises nothing.

        skip: called with the VM; says whether it is let through without a
            look at storage, since another hook decides.
        """
        try:
            return self._decide(source, skip)
        except errors.Error as e:
            return self._failed(e, None)
        except Exception as e:
            import traceback

            error = errors.InternalError(type(e).__name__, str(e))
            return self._failed(error, traceback.format_exc())

    def _decide(
        self, source: Source, skip: Callable[[domxml.Vm], bool] | None
    ) -> Answer:
        options = config.load(self._config_path, config.OF_GUARD)
        self._settings = policy.settings(options)
        vm = guard_host.parse_vm(source.read())
        self._vm_id = vm.uuid or source.vm_id
        self._vm = f"VM {printable(vm.name or self._vm_id or 'unknown')}"
        if skip is not None and skip(vm):
            return Answer(True)
        deadline = self._started + options.io_timeout
        guarded = guard_host.GuardedVm(options, vm, deadline)
        become_user(options)
        if guarded.needs_nothing:
            return Answer(True)
        # What reads storage may start children.
        from vdsm_backup.processes import defaults

        defaults.hear_of_children()
        if self._own_process:
            from vdsm_backup.processes import forking

            forking.allow()
        verdict = guarded.verdict(self._operation, deadline)
        if not verdict.findings:
            return Answer(True)
        from vdsm_backup.guard import audit, refusal

        verdict = audit.permitted(
            verdict, options.permits, self._vm, self._vm_id
        )
        # The caller is told of what is refused, the journal of all that was
        # found.
        refused = audit.tell(verdict, self._vm, self._vm_id)
        if refused:
            return Answer(False, refusal.line(refused))
        return Answer(True)

    def _failed(self, error: errors.Error, trace: str | None) -> Answer:
        """The answer where no flag was read, because of this error."""
        from vdsm_backup.guard import audit, refusal

        settings, operation = self._settings, self._operation
        refused = settings.refuses_faults(operation)
        audit.fault(
            error, refused, settings, operation, self._vm, self._vm_id, trace
        )
        return Answer(False, refusal.plain(error)) if refused else Answer(True)
