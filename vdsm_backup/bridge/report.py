# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the bridge tells people, by an event in the engine. Pure.

The engine refuses a second event with the same number. The number is made of
the domain, of what is told, and of what makes that another one than before. So
each report is there once, also if the bridge was killed, its state was lost,
or two bridges tell it. What goes by the time since when something is so is
told once by each bridge, and again by one that has lost its state.
"""

from __future__ import annotations

import hashlib

from vdsm_backup.bridge import decide
from vdsm_backup.bridge.shapes import Answer
from vdsm_backup.text import listed, printable

# The kinds of reports, with what is told. {name}: of the domain, {sd_id}: its
# UUID, {host}: what to say of the host where a command is to be typed, {who}:
# who may have made the edit, {why}: why the engine has refused something.
TEXTS = {
    "untick": (
        "The Backup box of {name} was unticked{who}; the flag stays on the"
        " storage, and hosts still refuse VMs. To lift it, {host}:"
        " vdsm-backup-domain clear {sd_id} --reason TEXT"
    ),
    "overwritten": (
        "{name} was edited{who} while the bridge ticked its Backup box, and"
        " the engine may have written the values of before over that edit. See"
        " whether it is there."
    ),
    "conflict": (
        "The Backup box of {name} is ticked, but its flag on the storage was"
        " cleared by somebody. Only the engine refuses VMs now. If it is to"
        " be a backup domain, untick the box, and tick it again after half a"
        " minute; if not, untick it."
    ),
    "write-back": (
        "The flag of {name} had gone from the storage: a host without the VDSM"
        " plugin, or a restore, wrote old metadata back. The bridge sets it"
        " again. See whether it is there, and which hosts lack the plugin,"
        " {host}: vdsm-backup-domain show {sd_id}; vdsm-backup-domain doctor"
    ),
    "unknown": (
        "The Backup box of {name} is ticked, and whether the storage has the"
        " flag cannot be read for a while. To see why, {host}:"
        " vdsm-backup-domain show {sd_id}"
    ),
    "no-plugin": (
        "The Backup box of {name} is ticked, but the flag cannot be set on"
        " the storage: the SPM host has no VDSM plugin. To see why, {host}:"
        " vdsm-backup-domain doctor"
    ),
    "foreign": (
        "{name} is attached to a data center of another engine; this bridge"
        " leaves its flag as it is."
    ),
    "hosted-engine": (
        "The Backup box of {name} is ticked, but it has the engine's own VM"
        " on it and cannot be a backup domain on storage. Untick the box."
    ),
    "type": (
        "The Backup box of {name} is ticked, but only data domains can have"
        " the flag on storage."
    ),
    "master": (
        "{name} has the flag on its storage and is the master domain of its"
        " data center. Make another domain the master: this one is needed by"
        " hosts, and must not be destroyed with the backups."
    ),
    "refused": (
        "{name} has the flag on its storage, but the engine refuses to tick"
        " its Backup box: {why} Only hosts refuse VMs now. The engine is asked"
        " again each half an hour. If it is no backup domain, {host}:"
        " vdsm-backup-domain clear {sd_id} --reason TEXT"
    ),
    "replica": (
        "{name} has the flag on its storage, but the storage is not the one"
        " that was flagged: it is a replica or a copy. {host}:"
        " vdsm-backup-domain show {sd_id}"
    ),
}

# Characters of what the engine says: it cuts an event that is too long.
_MAX_WHY = 180

# The engine's numbers have 31 bits, and it takes -1 for none.
_BITS = 31


def text(answer: Answer, sd_id: str, name: str, host: str) -> str:
    """
    The report of an answer whose `tell` is not "".

    name: of the domain in the engine. host: name of the SPM host, "" if there
    is none.
    """
    return TEXTS[answer.tell].format(
        name=printable(name),
        sd_id=sd_id,
        host=f"on host {printable(host)}" if host else "on the SPM host",
        who=_who(answer.users),
        why=_why(answer.why),
    )


def _who(users: tuple[str, ...]) -> str:
    known = [printable(user) or "somebody unknown" for user in users]
    if not known:
        return ", and no event says by whom"
    if len(known) == 1:
        return f" by {known[0]}"
    return f" by one of {listed(known)}"


def _why(words: str) -> str:
    """As a sentence; the words are those of the engine."""
    return f"{printable(words)[:_MAX_WHY].rstrip('.')}."


def number(answer: Answer, sd_id: str) -> int:
    """The number of the report in the engine."""
    return number_of(f"{sd_id} {decide.report_key(answer)}")


def number_of(content: str) -> int:
    """The same number for the same content, and else another one."""
    digest = hashlib.sha256(content.encode("utf-8", "backslashreplace"))
    return int.from_bytes(digest.digest()[:4], "big") >> (32 - _BITS)
