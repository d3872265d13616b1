# SPDX-License-Identifier: GPL-2.0-or-later
"""
What may be done with a flagged domain: the table. Pure.

The VDSM plugin, the hooks and `check` all answer from it. An operation is why
somebody wants the domain. What is not in the table is allowed: a backup
product that we have never heard of must work.
"""

from __future__ import annotations

from vdsm_backup.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Options(Protocol):
        """Section [guard] of the configuration, as plain text."""

        @property
        def guard_mode(self) -> str: ...

        @property
        def guard_on_unreadable(self) -> str: ...


# Answers of the table.
REFUSED = "refused"
# It is allowed, since a refusal would harm a VM that runs there already.
VIOLATION = "allowed, logged as a violation"
ALLOWED = "allowed"

# Values of [guard] mode and on_unreadable; config.py has them too.
ENFORCING = "enforcing"
PERMISSIVE = "permissive"
DISABLED = "disabled"
MODES = (ENFORCING, PERMISSIVE, DISABLED)

REFUSE = "refuse"
ALLOW = "allow"
ON_UNREADABLE = (REFUSE, ALLOW)


FORMAT = "format"

# Operations of which nobody knows for which VM they are. So the permit of a VM
# does not lift them.
_OF_NO_VM = ("preview", FORMAT)


class Row(Record):
    """
    A row of the table.

    answer: REFUSED, VIOLATION or ALLOWED.
    about: the operation, for people.
    verb: what a VM cannot do, in a refusal: "VM x cannot <verb>", or may do
        where it is not refused. "" in rows for which no flag is read.
    unreadable: the answer if the flag cannot be read, where that is another
        one for certain. None: as for a flagged domain, or as [guard]
        on_unreadable says.
    """

    __slots__ = ("operation", "answer", "about", "verb", "unreadable")

    def __init__(
        self,
        operation: str,
        answer: str,
        about: str,
        verb: str = "",
        unreadable: str | None = None,
    ) -> None:
        self.operation = operation
        self.answer = answer
        self.about = about
        self.verb = verb
        self.unreadable = unreadable


TABLE = (
    Row(
        "run",
        REFUSED,
        "start, restart or resume a VM from its disks, or with its VM lease",
        "start",
    ),
    Row("migrate-in", REFUSED, "a VM migrates to this host", "migrate here"),
    Row("hotplug", REFUSED, "plug a disk into a running VM", "plug in a disk"),
    Row(
        "replicate-to",
        REFUSED,
        "the target of a live storage migration",
        "move a disk there",
    ),
    Row("preview", REFUSED, "preview a snapshot", "preview a snapshot"),
    # What cannot be read may be broken, and formatting is what is left then.
    Row(
        FORMAT,
        REFUSED,
        "format the domain through VDSM",
        "be formatted",
        unreadable=ALLOWED,
    ),
    Row(
        "live-snapshot",
        VIOLATION,
        "snapshot of a VM that runs there",
        "get a snapshot",
    ),
    Row(
        "live-merge",
        VIOLATION,
        "merge a snapshot of a VM that runs there",
        "merge a snapshot",
    ),
    Row(
        "recover",
        VIOLATION,
        "VDSM was restarted under a running VM",
        "go on running",
    ),
    Row("cdrom", ALLOWED, "a CD-ROM or floppy"),
    Row("memory", ALLOWED, "memory volumes"),
    Row("hot-lease", ALLOWED, "add a lease to a running VM"),
    Row("transfer", ALLOWED, "upload or download"),
    Row("copy", ALLOWED, "copy or move a disk, from or to it"),
    Row("import", ALLOWED, "import or register a VM or a disk"),
    Row("measure", ALLOWED, "measure a volume"),
    Row("ova", ALLOWED, "export or import an OVA"),
    Row("ovf", ALLOWED, "the OVF store"),
    Row("seal", ALLOWED, "seal a template"),
    Row("v2v", ALLOWED, "import from other hypervisors"),
    Row("scratch", ALLOWED, "scratch disks of a backup"),
    Row("nbd", ALLOWED, "NBD server for a volume"),
    Row("delete", ALLOWED, "delete an image or a snapshot"),
    Row("cold-merge", ALLOWED, "merge a snapshot of a VM that is down"),
    Row("sparsify", ALLOWED, "sparsify a disk"),
    Row("extend", ALLOWED, "extend a disk of a VM that is down"),
    Row("teardown", ALLOWED, "tear an image down"),
    Row("hotunplug", ALLOWED, "unplug a disk"),
    Row("replicate-finish", ALLOWED, "end a live storage migration"),
    Row("destroy", ALLOWED, "destroy a VM"),
)

_ROWS = {row.operation: row for row in TABLE}


def row(operation: str) -> Row:
    """The row of an operation. One that is not in the table is allowed."""
    return _ROWS.get(operation) or Row(operation, ALLOWED, operation)


def has_vm(operation: str) -> bool:
    """
    Whether it is known for which VM an operation is. Only then the permit of
    a VM lifts it.
    """
    return operation not in _OF_NO_VM


def asks_storage(operation: str) -> bool:
    """
    Whether the flag matters for this operation. Where it does not, it is not
    even read: a cleanup must not wait for storage that hangs.
    """
    return row(operation).answer != ALLOWED


class Settings(Record):
    """
    What the host's administrator wants of the guard.

    mode: one of MODES. on_unreadable: one of ON_UNREADABLE.
    """

    __slots__ = ("mode", "on_unreadable")

    def __init__(
        self, mode: str = ENFORCING, on_unreadable: str = REFUSE
    ) -> None:
        self.mode = mode
        self.on_unreadable = on_unreadable

    def refuses(self, operation: str, known_flagged: bool) -> bool:
        """
        Whether an operation on a domain is refused.

        known_flagged: True if the flag was read, and is set; False if it
            cannot be read.
        """
        if known_flagged:
            return self._enforces(operation)
        may = row(operation).unreadable == ALLOWED
        return not may and self.refuses_faults(operation)

    def why_not(self, operation: str, known_flagged: bool) -> str:
        """
        What lets an operation through that refuses() does not refuse, for
        people.

        known_flagged: as in refuses().
        """
        if row(operation).answer != REFUSED:
            return "a refusal would harm a VM that runs there"
        if not known_flagged and row(operation).unreadable == ALLOWED:
            return "only a flag that is known keeps from it"
        if not known_flagged and self.on_unreadable == ALLOW:
            return f"[guard] on_unreadable is {self.on_unreadable}"
        return f"[guard] mode is {self.mode}"

    def refuses_faults(self, operation: str) -> bool:
        """
        Whether an operation is refused where a fault of ours keeps the guard
        from finding out what it needs.
        """
        return self._enforces(operation) and self.on_unreadable == REFUSE

    def _enforces(self, operation: str) -> bool:
        return self.mode == ENFORCING and row(operation).answer == REFUSED


def settings(options: Options) -> Settings:
    """The Settings of a host with these options."""
    return Settings(options.guard_mode, options.guard_on_unreadable)
