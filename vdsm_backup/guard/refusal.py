# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a refusal says. Pure functions.

Users of the engine see the line of a hook as `Hook Error: (b"...",)`. So it is
ASCII, at most MAX_LINE characters, and has no character that Python escapes
when it shows bytes. It stands alone: there is no second line, and portal users
cannot look anywhere else. They are not those who may clear the flag, so the
line does not advise to clear it.
"""

from __future__ import annotations

from vdsm_backup import errors
from vdsm_backup.guard import policy
from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    from vdsm_backup.guard.verdict import Finding, Verdict
    from vdsm_backup.metadata.flag import Flag

# Characters of a whole line.
MAX_LINE = 200

# Characters of those parts that could be longer than the whole line. A UUID
# fits a title, and with "VM " before it a VM. The reason gets what is left,
# and at least _MIN_REASON.
_MAX_VM = 40
_MAX_DISK = 30
_MAX_TITLE = 36
_MAX_BY = 24
_MIN_REASON = 12

_NOT_THE_FLAG = "not because it is flagged"

_NOBODY = "somebody unknown"


def error(verdict: Verdict, finding: Finding, vm: str) -> errors.Error:
    """
    The error of a finding, in full: DomainFlagged or FlagUnknown. If a domain
    is to be formatted: FormatRefused, or why its flag cannot be read.

    vm: how to name the VM, "VM web1" or "A VM".
    """
    if verdict.operation == policy.FORMAT:
        return _format_error(finding)
    verb = policy.row(verdict.operation).verb or verdict.operation
    title = printable(finding.title)
    if finding.flag is None:
        # Then it has an error.
        assert finding.error is not None
        return errors.FlagUnknown(
            vm=printable(vm),
            verb=verb,
            disk=_listed(finding.devices),
            title=title,
            cause=finding.error.code,
            reason=printable(str(finding.error)),
        )
    return errors.DomainFlagged(
        vm=printable(vm),
        verb=verb,
        disk=_listed(finding.devices),
        title=title,
        **_about(finding.flag),
    )


def _format_error(finding: Finding) -> errors.Error:
    if finding.flag is None:
        assert finding.error is not None
        return finding.error
    title = printable(finding.title)
    return errors.FormatRefused(title=title, **_about(finding.flag))


def _about(flag: Flag) -> dict[str, str]:
    return {
        "since": printable(flag.since or "at an unknown time"),
        "by": printable(flag.by or _NOBODY),
        "reason": printable(flag.reason or "no reason given"),
    }


def line(found: Sequence[errors.Error]) -> str:
    """
    One line of the errors of findings that are refused: the first one in
    words, the others counted.
    """
    rest = f"; {_count(len(found) - 1)} refused too" if found[1:] else ""
    return _sentence(found[0], MAX_LINE - len(rest)) + rest


def _sentence(e: errors.Error, room: int) -> str:
    code = f" (error {e.code})"
    title = _cut(e.title, _MAX_TITLE)
    if isinstance(e, errors.FormatRefused):
        text = (
            f"Backup domain {title} cannot be formatted, clear the flag first"
            f" (set by {_cut(e.by, _MAX_BY)}: "
        )
        return _fill(text, e.reason, f"){code}", room)
    head = f"{_cut(e.vm, _MAX_VM)} cannot {e.verb}"
    disk = _cut(e.disk, _MAX_DISK)
    if isinstance(e, errors.FlagUnknown):
        text = (
            f"{head}, {_NOT_THE_FLAG}: cannot read the flag of"
            f" domain {title}, {disk}: "
        )
        return _fill(text, e.reason, code, room)
    text = f"{head}: {disk} {e.be} on backup domain {title} (set by "
    text += f"{_cut(e.by, _MAX_BY)}: "
    return _fill(text, e.reason, f"){code}", room)


def _fill(before: str, reason: str, after: str, room: int) -> str:
    """
    The three texts, in at most room characters. The reason is cut first, then
    what is before it.
    """
    reason = _ascii(reason)
    left = room - len(before) - len(after)
    if left < _MIN_REASON:
        before = _cut(before, len(before) + left - _MIN_REASON)
        left = _MIN_REASON
    return f"{before}{_cut(reason, left)}{after}"


def plain(e: errors.Error) -> str:
    """One line of any error of ours, for which no flag was read."""
    text = str(e)
    before = "" if _NOT_THE_FLAG in text else f"N{_NOT_THE_FLAG[1:]}: "
    return _fill(before, text, f" (error {e.code})", MAX_LINE)


def _ascii(text: str) -> str:
    """Any text as it can be shown, at most text.MAX_SHOWN characters."""
    text = printable(text).encode("ascii", "replace").decode("ascii")
    # Where Python shows bytes it doubles a backslash, and escapes one of the
    # quotes if both kinds are there.
    return text.replace("\\", "/").replace('"', "'")


def _cut(text: str, length: int) -> str:
    text = _ascii(text)
    return text if len(text) <= length else text[: length - 2] + ".."


def _listed(devices: Sequence[str]) -> str:
    """Devices of a VM in words: "disks vda, vdb and a lease"."""
    disks = [d[len("disk ") :] for d in devices if d.startswith("disk ")]
    rest = [d for d in devices if not d.startswith("disk ")]
    if len(disks) > 1:
        return " and ".join([f"disks {', '.join(disks)}", *rest])
    return " and ".join(devices)


def _count(number: int) -> str:
    return "1 more domain" if number == 1 else f"{number} more domains"
