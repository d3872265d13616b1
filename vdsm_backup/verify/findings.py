# SPDX-License-Identifier: GPL-2.0-or-later
"""What the checks of a domain have found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vdsm_backup import errors


@dataclass
class Findings:
    """
    problems: why VDSM would refuse the domain, a flag could be misread or
        lost, or a change would fail.
    notes: what is worth knowing, and no problem. Texts for people, which may
        have text from storage in them.
    unseen: what could not be looked at, as such texts.
    looked_at: what was looked at, as nouns.
    """

    problems: list[errors.Error] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Add what another check has found."""
        self.problems += other.problems
        self.notes += other.notes
        self.unseen += other.unseen
        self.looked_at += other.looked_at
