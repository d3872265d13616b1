# SPDX-License-Identifier: GPL-2.0-or-later
"""
What people do with the domains of a site, each time with another one: in the
engine, and on hosts. Public methods without arguments are things they do.
"""

from __future__ import annotations

from tests.support.bridge.site import PERSON, WORLD

_USERS = ("anna@internal", "bob@ad", "admin@internal-authz")

_UPDATED, _ADDED = 958, 956


def has_word(comment):
    return comment.lower().startswith("clear backup")


class People:
    def __init__(self, site):
        self._site = site
        self._choices = site.choices
        # {UUID: what a dialog shows that is open}
        self._dialogs = {}
        # The domain that most is done with; None: there is none.
        self.favourite = None

    def _one(self):
        """Most often the one that the engine writes just now, if it does."""
        domains = self._site.domains
        if self._site.written and self._choices.random() < 0.8:
            return domains[self._site.written]
        if self.favourite is not None and self._choices.random() < 0.7:
            return self.favourite
        # What fails with a domain goes on failing if it is left alone.
        left = self._site.broken if self._choices.random() < 0.9 else ()
        chosen = [d for d in domains.values() if d.id not in left]
        return self._choices.choice(chosen)

    # In the engine

    def tick(self):
        domain = self._one()
        if not domain.backup and not domain.vm_runs:
            self._edit(domain, box=True)

    def tick_and_extend(self):
        """In one dialog: the engine locks the domain for a while."""
        domain = self._one()
        if not domain.backup and not domain.vm_runs:
            self._edit(domain, box=True)
            domain.status = "locked"

    def extended(self):
        for domain in self._site.domains.values():
            if domain.status == "locked":
                domain.status = "active"

    def untick(self):
        domain = self._one()
        if domain.backup:
            self._edit(domain, box=False)

    def untick_to_clear(self):
        domain = self._one()
        if domain.backup:
            words = f"Clear backup, {self._site.poll}"
            self._edit(domain, box=False, comment=words)

    def edit(self):
        """Something that has nothing to do with the box."""
        domain = self._one()
        if self._edit(domain, box=domain.backup):
            domain.description = f"at {self._site.now}"

    def comment(self):
        words = self._choices.choice(["clear backup", "copies of site A", ""])
        domain = self._one()
        self._edit(domain, box=domain.backup, comment=words)

    def open_dialog(self):
        domain = self._one()
        self._dialogs[domain.id] = domain.backup, domain.comment

    def confirm_dialog(self):
        """What it shows may be old by now, and all of it is written."""
        domain = self._one()
        if domain.id in self._dialogs:
            box, comment = self._dialogs.pop(domain.id)
            if not (box and domain.vm_runs and not domain.backup):
                self._edit(domain, box, comment)

    def _edit(self, domain, box, comment=None):
        """Returns whether the engine has done it."""
        site = self._site
        if domain.id in site.removed or domain.status == "locked":
            return False
        what = "edit"
        if box != domain.backup:
            what = "tick" if box else "untick"
        if comment is not None:
            if has_word(comment) and not has_word(domain.comment):
                what += " with word"
            domain.comment = comment
        domain.backup = box
        user = self._choices.choice(_USERS)
        told = site.add_event(_UPDATED, domain.id, user, may_be_lost=True)
        site.note(PERSON, domain.id, what, told)
        return True

    def remove(self):
        """From the engine, to import it again later."""
        domain = self._one()
        if domain.id not in self._site.removed:
            self._site.removed.add(domain.id)
            self._dialogs.pop(domain.id, None)
            self._site.note(PERSON, domain.id, "removes it")

    def import_all(self):
        """All that were removed."""
        site = self._site
        for domain in site.domains.values():
            if domain.id in site.removed:
                site.removed.discard(domain.id)
                domain.backup = self._choices.random() < 0.3
                domain.comment = ""
                site.add_event(_ADDED, domain.id, self._choices.choice(_USERS))
                how = "on" if domain.backup else "off"
                site.note(PERSON, domain.id, f"import {how}")

    # On a host

    def clear(self):
        self._clear(self._one().id)

    def set(self):
        self._set(self._one().id)

    def clear_and_set(self):
        """To give it another reason."""
        sd_id = self._one().id
        if self._site.flag(sd_id) == "on":
            self._clear(sd_id)
            self._set(sd_id)

    def _clear(self, sd_id):
        site = self._site
        if site.flag(sd_id) == "on":
            site.write(sd_id, site.row(sd_id, "off", "root@host"))
            site.note(PERSON, sd_id, "clear")

    def _set(self, sd_id):
        site = self._site
        if site.flag(sd_id) != "on" and site.can_have_flag(sd_id):
            site.write(sd_id, site.row(sd_id, "on", "root@host"))
            site.note(PERSON, sd_id, "set")

    def write_back(self):
        """`restore --from`, or a host without the plugin."""
        sd_id = self._one().id
        if self._site.older[sd_id]:
            self._write_back(
                sd_id, self._choices.choice(self._site.older[sd_id])
            )

    def write_back_never(self):
        """Metadata of before the first flag."""
        sd_id = self._one().id
        if self._site.flag(sd_id) != "never":
            self._write_back(sd_id, self._site.row(sd_id, "never", ""))

    def _write_back(self, sd_id, row):
        site = self._site
        row = {**row, "pool": site.storage[sd_id]["pool"]}
        if row["flag"] and not site.can_have_flag(sd_id):
            return
        site.write(sd_id, row)
        site.note(WORLD, sd_id, f"write back {site.flag(sd_id)}")
