# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a refusal says. Pure functions.

Users of the engine see the line of a hook as `Hook Error: (b"...",)`. So it is
ASCII, at most MAX_LINE characters, and has no character that Python escapes
when it shows bytes. A VM or a domain whose name is not ASCII is named by its
UUID. The line stands alone: there is no second line, and portal users cannot
look anywhere else. They are not those who may lift a protection, so the line
does not tell how. That is a hint of the error, for the journal.

The line ends with the code and with what those users can do:

    ... (error 994); copy the disk elsewhere
    ... (error 995: 962)            962 is why the flag cannot be read
"""

from __future__ import annotations

import unicodedata

from vdsm_backup import errors
from vdsm_backup.guard import policy
from vdsm_backup.text import is_uuid, printable

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

# A flag that cannot be read has a longer line, and why is what counts in it.
_MAX_DISK_UNREAD = 16
_MIN_CAUSE = 22

_WAY_OUT = "; copy the disk elsewhere"

_NOT_THE_FLAG = "not because it is flagged"

_NOBODY = "somebody unknown"


def error(
    verdict: Verdict, finding: Finding, vm: str, vm_id: str | None = None
) -> errors.Error:
    """
    The error of a finding, in full: DomainFlagged or FlagUnknown. If a domain
    is to be formatted: FormatRefused, or why its flag cannot be read.

    vm: how to name the VM, "VM web1" or "A VM". vm_id: its UUID.
    """
    refused = verdict.refuses(finding)
    if verdict.operation == policy.FORMAT:
        return _format_error(finding, refused)
    found = _vm_error(verdict, finding, vm)
    found.lifted = not refused
    found.vm_id = vm_id if vm_id and is_uuid(vm_id) else ""
    found.sd_id = finding.domain if is_uuid(finding.domain) else ""
    found.permit_lifts = policy.has_vm(verdict.operation) and refused
    return found


def _vm_error(
    verdict: Verdict, finding: Finding, vm: str
) -> errors.DomainFlagged | errors.FlagUnknown:
    verb = policy.row(verdict.operation).verb or verdict.operation
    title = printable(finding.title)
    if finding.flag is None:
        # Then it has an error.
        assert finding.error is not None
        unknown = errors.FlagUnknown(
            vm=printable(vm),
            verb=verb,
            disk=_listed(finding.devices),
            title=title,
            cause=finding.error.code,
            reason=printable(str(finding.error)),
        )
        unknown.short_reason = finding.error.in_brief()
        return unknown
    return errors.DomainFlagged(
        vm=printable(vm),
        verb=verb,
        disk=_listed(finding.devices),
        title=title,
        **_about(finding.flag),
    )


def _format_error(finding: Finding, refuses: bool) -> errors.Error:
    if finding.flag is None:
        assert finding.error is not None
        return finding.error
    title = printable(finding.title)
    refused = errors.FormatRefused(title=title, **_about(finding.flag))
    refused.sd_id = finding.domain
    refused.lifted = not refuses
    return refused


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
    first = found[0]
    rest = _count(len(found) - 1) if found[1:] else ""
    if isinstance(first, errors.FlagUnknown):
        return _unknown(first, rest)
    if isinstance(first, errors.FormatRefused):
        return _format(first)
    return _flagged(first, rest)


def _flagged(e: errors.Error, rest: str) -> str:
    disk, by = _cut(e.disk, _MAX_DISK), _cut(e.by, _MAX_BY)
    before = (
        f"{_vm(e)} cannot {e.verb}: {disk} {e.be} on backup domain"
        f" {_title(e)} (set by {by}: "
    )
    after = f"){_comma(rest)} (error {e.code}){_WAY_OUT}"
    return _fill(before, _reason(e), after, _MIN_REASON)


def _format(e: errors.FormatRefused) -> str:
    before = (
        f"Backup domain {_title(e)} cannot be formatted, clear the flag first"
        f" (set by {_cut(e.by, _MAX_BY)}: "
    )
    return _fill(before, _reason(e), f") (error {e.code})", _MIN_REASON)


def _reason(e: errors.Error) -> str:
    reason = _ascii(e.reason)
    if reason.count("?") * 2 > len(reason):
        return "its reason is not ASCII"
    return reason


def _unknown(e: errors.FlagUnknown, rest: str) -> str:
    disk = _cut(e.disk, _MAX_DISK_UNREAD)
    before = (
        f"{_vm(e)} cannot {e.verb}, {_NOT_THE_FLAG}: cannot read the flag of"
        f" domain {_title(e)}, {disk}: "
    )
    after = f"{_comma(rest)} (error {e.code}: {e.cause})"
    room = max(MAX_LINE - len(before) - len(after), _MIN_CAUSE)
    cause = _ascii(e.reason)
    if len(cause) > room:
        # What an error says last is the cause.
        cause = _cut_start(e.short_reason, room)
    return _fill(before, cause, after, _MIN_CAUSE)


def _vm(e: errors.Error) -> str:
    if _is_plain(e.vm):
        return _cut(e.vm, _MAX_VM)
    return f"VM {e.vm_id}" if e.vm_id else "A VM"


def _title(e: errors.Error) -> str:
    title = e.title if _is_plain(e.title) else e.sd_id or e.title
    return _cut(title, _MAX_TITLE)


def _is_plain(name: str) -> bool:
    """Whether a printable name is ASCII, without escapes of what is not."""
    return name.isascii() and "\\" not in name


def _comma(rest: str) -> str:
    return f", {rest} refused too" if rest else ""


def _fill(before: str, text: str, after: str, least: int) -> str:
    """
    The three texts, in at most MAX_LINE characters. The second one is cut
    first, if it has more than its least; then what is before it, which ends
    with a colon.
    """
    left = MAX_LINE - len(before) - len(after)
    least = min(least, len(text))
    if left < least:
        before = _cut(before[:-2], len(before) - 2 + left - least) + ": "
        left = least
    return f"{before}{_cut(text, left)}{after}"


def plain(e: errors.Error) -> str:
    """One line of any error of ours, for which no flag was read."""
    text = _ascii(str(e))
    before = "" if _NOT_THE_FLAG in text else f"N{_NOT_THE_FLAG[1:]}: "
    after = f" (error {e.code})"
    room = MAX_LINE - len(before) - len(after)
    if len(text) > room:
        # It begins with what failed, and ends with why.
        half = room // 2
        text = text[:half] + _cut_start(text, room - half)
    return f"{before}{text}{after}"


def _ascii(text: str) -> str:
    """Any text as it can be shown, at most text.MAX_SHOWN characters."""
    text = printable(text)
    if not text.isascii():
        # Accents are left out.
        parts = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in parts if not unicodedata.combining(c))
        text = printable(text).encode("ascii", "replace").decode("ascii")
    # Where Python shows bytes it doubles a backslash, and escapes one of the
    # quotes if both kinds are there.
    return text.replace("\\", "/").replace('"', "'")


def _cut(text: str, length: int) -> str:
    text = _ascii(text)
    return text if len(text) <= length else text[: length - 2] + ".."


def _cut_start(text: str, length: int) -> str:
    text = _ascii(text)
    return text if len(text) <= length else ".." + text[2 - length :]


def _listed(devices: Sequence[str]) -> str:
    """Devices of a VM in words: "disks vda, vdb and a lease"."""
    disks = [d[len("disk ") :] for d in devices if d.startswith("disk ")]
    rest = [d for d in devices if not d.startswith("disk ")]
    if len(disks) > 1:
        return " and ".join([f"disks {', '.join(disks)}", *rest])
    return " and ".join(devices)


def _count(number: int) -> str:
    return "1 more domain" if number == 1 else f"{number} more domains"
