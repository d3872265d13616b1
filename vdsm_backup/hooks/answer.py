# SPDX-License-Identifier: GPL-2.0-or-later
"""
The answer of a hook: from the XML to allowed or refused, and what is said.

Whatever goes wrong is an answer too, one line with a code; the trace is in
the journal. Then [guard] says what becomes of the VM, as for a flag that
cannot be read; without a configuration that can be read it is refused.
"""

import os
import stat
import sys
from dataclasses import dataclass

from vdsm_backup import config, errors
from vdsm_backup.guard import audit, policy, refusal
from vdsm_backup.guard import host as guard_host
from vdsm_backup.host.user import become_user
from vdsm_backup.text import is_uuid, printable
from vdsm_backup.vm import domxml


@dataclass(frozen=True)
class Answer:
    """
    text: for the caller's stderr. Empty if allowed: where another hook has
    refused VDSM may show ours.
    """

    allowed: bool
    text: str = ""


class File:
    """
    The XML in a file, as VDSM gives it.

    path: None if the caller named none. vm: what the caller says which VM it
    is: a single disk has no name of its own.
    """

    def __init__(self, path, vm):
        self._path = path
        self.vm = vm if is_uuid(vm) else ""

    def read(self):
        """Raises VmUnclear."""
        if not self._path:
            raise errors.VmUnclear("VDSM named no file with its XML")
        try:
            return self._read()
        except (OSError, ValueError) as e:
            reason = getattr(e, "strerror", None) or str(e)
            raise errors.VmUnclear(f"its XML cannot be read: {reason}")

    def _read(self):
        # O_NONBLOCK: a FIFO does not stop us.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self._path, flags)
        with open(fd, "rb") as f:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise ValueError("it is no regular file")
            return _bounded(f)


class Stdin:
    """The XML on stdin, as libvirt gives it."""

    vm = ""

    def read(self):
        """Raises VmUnclear."""
        try:
            return _bounded(sys.stdin.buffer)
        except (OSError, AttributeError) as e:
            raise errors.VmUnclear(f"its XML cannot be read: {e}")


def _bounded(f):
    # One more than fits, so that the parser sees that it is too long.
    return f.read(domxml.MAX_XML + 1)


class Hook:
    """
    operation: of policy.py. path: of the configuration, None for the host's.
    started: time.monotonic() when the hook began.
    """

    def __init__(self, operation, path, started):
        self._operation = operation
        self._path = path
        self._started = started
        self._settings = policy.Settings()
        self._vm = "A VM"
        self._vm_id = None

    def answer(self, source, skip=None):
        """
        The Answer for the XML of a File or Stdin.

        skip: called with the Vm, says that it is judged elsewhere.
        """
        try:
            return self._judge(source, skip)
        except errors.Error as e:
            return self._failed(e, None)
        except Exception as e:
            import traceback

            error = errors.InternalError(type(e).__name__, str(e))
            return self._failed(error, traceback.format_exc())

    def _judge(self, source, skip):
        options = config.load(self._path)
        self._settings = policy.settings(options)
        vm = guard_host.parse_vm(source.read())
        self._vm_id = vm.uuid or source.vm
        self._vm = f"VM {printable(vm.name or self._vm_id or 'unknown')}"
        if skip is not None and skip(vm):
            return Answer(True)
        guarded = guard_host.GuardedVm(options, vm)
        become_user(options)
        deadline = self._started + options.io_timeout
        verdict = guarded.verdict(self._operation, deadline)
        # What is refused to the user, all that is found to the journal.
        refused = audit.tell(verdict, self._vm, self._vm_id)
        if refused:
            return Answer(False, refusal.line(refused))
        return Answer(True)

    def _failed(self, error, trace):
        settings, operation = self._settings, self._operation
        refused = settings.refuses(operation, readable=False)
        audit.fault(
            error, refused, settings, operation, self._vm, self._vm_id, trace
        )
        return Answer(False, refusal.plain(error)) if refused else Answer(True)
