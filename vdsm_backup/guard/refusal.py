# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a refusal says. Pure functions.

Users of the engine see the line of a hook as `Hook Error: (b"...",)`, so it
is ASCII, at most MAX_LINE characters, and without what bytes show escaped. It
stands alone: there is no second line, and portal users cannot look anywhere
else. So it has no advice to clear the flag either.
"""

from vdsm_backup import errors
from vdsm_backup.guard import policy
from vdsm_backup.text import printable

MAX_LINE = 200

# Of what could be longer than the whole line. A UUID fits a title, and with
# "VM " a VM. A reason gets what is left, and at least _MIN_REASON.
_MAX_VM = 40
_MAX_DISK = 30
_MAX_TITLE = 36
_MAX_BY = 24
_MIN_REASON = 12

_NOT_THE_FLAG = "not because it is flagged"

_NOBODY = "somebody unknown"


def error(verdict, finding, vm):
    """
    The error of a finding, in full.

    vm: how to name the VM, "VM web1" or "A VM".
    """
    verb = policy.row(verdict.operation).verb or verdict.operation
    title = printable(finding.title)
    if finding.flag is None:
        return errors.FlagUnknown(
            vm=printable(vm),
            verb=verb,
            disk=_listed(finding.whats),
            title=title,
            cause=finding.error.code,
            reason=printable(str(finding.error)),
        )
    return errors.DomainFlagged(
        vm=printable(vm),
        verb=verb,
        disk=_listed(finding.whats),
        title=title,
        since=printable(finding.flag.since or "at an unknown time"),
        by=printable(finding.flag.by or _NOBODY),
        reason=printable(finding.flag.reason or "no reason given"),
    )


def line(found):
    """One line of these errors of refusals, the first one in words."""
    rest = f"; {_count(len(found) - 1)} refused too" if found[1:] else ""
    return _sentence(found[0], MAX_LINE - len(rest)) + rest


def _sentence(e, room):
    head = f"{_cut(e.vm, _MAX_VM)} cannot {e.verb}"
    disk, title = _cut(e.disk, _MAX_DISK), _cut(e.title, _MAX_TITLE)
    code = f" (error {e.code})"
    if isinstance(e, errors.FlagUnknown):
        text = (
            f"{head}, {_NOT_THE_FLAG}: cannot read the flag of"
            f" domain {title}, {disk}: "
        )
        return _fill(text, e.reason, code, room)
    by = _cut(e.by, _MAX_BY)
    text = f"{head}: {disk} {e.be} on backup domain {title} (set by {by}: "
    return _fill(text, e.reason, f"){code}", room)


def _fill(before, reason, after, room):
    """The reason gives way first, then what is before it."""
    reason = _ascii(reason)
    left = room - len(before) - len(after)
    if left < _MIN_REASON:
        before = _cut(before, len(before) + left - _MIN_REASON)
        left = _MIN_REASON
    return f"{before}{_cut(reason, left)}{after}"


def plain(e):
    """One line of any error of ours, for which no flag was read."""
    text = str(e)
    before = "" if _NOT_THE_FLAG in text else f"N{_NOT_THE_FLAG[1:]}: "
    return _fill(before, text, f" (error {e.code})", MAX_LINE)


def _ascii(text):
    """Any text as it can be shown, at most format.MAX_SHOWN characters."""
    text = printable(text).encode("ascii", "replace").decode("ascii")
    # Bytes in Python show a backslash doubled, and of the two quotes one
    # escaped if both are there.
    return text.replace("\\", "/").replace('"', "'")


def _cut(text, length):
    text = _ascii(text)
    return text if len(text) <= length else text[: length - 2] + ".."


def _listed(whats):
    disks = [w[len("disk ") :] for w in whats if w.startswith("disk ")]
    rest = [w for w in whats if not w.startswith("disk ")]
    if len(disks) > 1:
        return " and ".join([f"disks {', '.join(disks)}", *rest])
    return " and ".join(whats)


def _count(number):
    return "1 more domain" if number == 1 else f"{number} more domains"
