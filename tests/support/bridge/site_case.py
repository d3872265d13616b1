# SPDX-License-Identifier: GPL-2.0-or-later
"""One domain in a random sequence (site_sequence.py), for who judges it."""

from __future__ import annotations


class Case:
    """
    One domain in a sequence. log: (number of the entry, entry), of this domain
    and of all.
    """

    def __init__(self, sequence, domain):
        self.sequence = sequence
        self.site = sequence.site
        self.domain = domain
        self.log = [
            (at, entry)
            for at, entry in enumerate(self.site.log)
            if entry.domain in (domain.id, "")
        ]
        self.names = {bridge.name for bridge in sequence.bridges}

    def acts(self, *whats):
        """Those of bridges."""
        return [
            (at, entry)
            for at, entry in self.log
            if entry.who in self.names and entry.what.startswith(whats)
        ]

    def since(self, mark):
        start = self.sequence.marks[mark]
        return [(at, entry) for at, entry in self.log if at >= start]

    def last(self, *whats, who=None, before=None):
        """Number of the last entry of these, -1 if there is none."""
        for at, entry in reversed(self.log):
            if before is not None and at >= before:
                continue
            if entry.what in whats and who in (None, entry.who):
                return at
        return -1

    def told(self, words, since=-1):
        """Whether somebody was told this."""
        return any(
            at > since and words in entry.what
            for at, entry in self.acts("tell")
        )

    def shown(self, upto=None):
        return self.sequence.shown(self.domain.id, upto)

    def saw_on(self, at, name):
        """
        Where the round began in which a bridge has last seen the box on
        before this entry.
        """
        found = 0
        for number, entry in self.log:
            if number >= at:
                break
            if entry.who == name and entry.what.startswith("sees on"):
                found = entry.begin
        return found

    def looks(self, what, after, before, names=None):
        """
        How often the bridge that has done so least, of these or of all, has
        seen this.
        """
        return min(
            sum(
                entry.who == name and entry.what.startswith(what)
                for at, entry in self.log
                if after < at < before
            )
            for name in names or self.names
        )

    @property
    def is_broken(self):
        return self.domain.id in self.site.broken

    @property
    def end(self):
        box = "on" if self.domain.backup else "off"
        return f"{box}/{self.site.flag(self.domain.id)}"
