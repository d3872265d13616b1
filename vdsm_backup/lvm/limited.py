# SPDX-License-Identifier: GPL-2.0-or-later
"""
The lvm of this host, limited to some devices: its commands, as results or as
errors. What they do is in vgs.py.
"""

from __future__ import annotations

import copy
import signal

from vdsm_backup import errors
from vdsm_backup.host.devices import require_plain
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.text import os_reason, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, Sequence, TypedDict, TypeVar

    Parsed = TypeVar("Parsed")
    Self = TypeVar("Self", bound="Limited")

    class Description(TypedDict):
        """Arguments of Limited, as JSON."""

        devices: list[str]
        timeout: float


class Limited:
    """
    devices: paths. If there are none, nothing can be run.
    timeout: seconds, for each command.
    stdin: a file descriptor that each command keeps open as long as it lives.
        The writer gives the registration of its lease (change/writer.py).

    Raises ConfigInvalid if lvm cannot be limited to one of the devices.
    """

    def __init__(
        self,
        devices: Iterable[str],
        timeout: float = 30,
        stdin: int | None = None,
    ) -> None:
        self.devices = list(devices)
        for device in self.devices:
            require_plain(device)
        self.timeout = timeout
        self._stdin = stdin

    def describe(self) -> Description:
        """
        The arguments but stdin, by which another process makes one of its own.
        """
        return {"devices": self.devices, "timeout": self.timeout}

    def only(
        self: Self, devices: Iterable[str], timeout: float | None = None
    ) -> Self:
        """The same, limited to other devices."""
        other = copy.copy(self)
        other.devices = list(devices)
        other.timeout = timeout or self.timeout
        return other

    def _run(
        self, command: str, args: Sequence[str], wait_for_locks: bool = True
    ) -> lvm_command.Result:
        limits = lvm_command.limits(self.devices, wait_for_locks)
        try:
            return lvm_command.run(
                [command, *limits, *args], self.timeout, self._stdin
            )
        except OSError as e:
            raise errors.LvmFailed(command, 127, printable(os_reason(e)))

    def _check(self, command: str, result: lvm_command.Result) -> None:
        """Raises StorageTimeout, LvmFailed if a command did not succeed."""
        if result.rc is None:
            what = f"lvm {command} on {', '.join(self.devices)}"
            raise errors.StorageTimeout(what, self.timeout)
        if result.rc:
            raise errors.LvmFailed(command, result.rc, messages(result))

    def _check_change(self, command: str, result: lvm_command.Result) -> None:
        """As _check(), but a command that was killed has failed."""
        if result.rc is None and result.ended:
            reason = f"it did not answer within {self.timeout:g} seconds"
            raise errors.LvmFailed(command, -signal.SIGKILL, reason)
        self._check(command, result)

    def _parsed(
        self,
        parse: Callable[[str], Parsed],
        command: str,
        args: Sequence[str],
    ) -> Parsed:
        """What a command reports. Raises LvmFailed, StorageTimeout."""
        result = self._run(command, args)
        self._check(command, result)
        try:
            return parse(result.out)
        except ValueError as e:
            reason = f"its report is not understood: {e}"
            raise errors.LvmFailed(command, 0, printable(reason))


def messages(result: lvm_command.Result) -> str:
    """What lvm wrote of errors, or if that is nothing, its warnings."""
    lines = [line.strip() for line in result.err.splitlines()]
    told = [line for line in lines if line and not line.startswith("WARNING:")]
    if result.rc is not None and result.rc < 0:
        told.append(f"killed by signal {-result.rc}")
    return printable("; ".join(told or lines))
