# SPDX-License-Identifier: GPL-2.0-or-later
"""What the checks of a domain have found."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vdsm_backup import errors


class Findings:
    """
    problems: why VDSM would refuse the domain, a flag could be misread or
        lost, or a change would fail.
    notes: what is worth knowing, and no problem. Texts for people, which may
        have text from storage in them.
    unseen: what could not be looked at, as such texts.
    looked_at: what was looked at, as nouns.
    """

    def __init__(
        self,
        problems: Iterable[errors.Error] = (),
        notes: Iterable[str] = (),
        unseen: Iterable[str] = (),
        looked_at: Iterable[str] = (),
    ) -> None:
        self.problems = [*problems]
        self.notes = [*notes]
        self.unseen = [*unseen]
        self.looked_at = [*looked_at]

    def add(self, other: Findings) -> None:
        """Add what another check has found."""
        self.problems += other.problems
        self.notes += other.notes
        self.unseen += other.unseen
        self.looked_at += other.looked_at
