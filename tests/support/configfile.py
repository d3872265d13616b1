# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration file of tests; no other place knows what it looks like."""

import collections
import os

from vdsm_backup import config

# (section, option) of all, also of those that were removed.
_OPTIONS = [
    *config.REMOVED,
    *((s, option) for s, found in config.DEFAULTS.items() for option in found),
]

_SECTIONS_OF = collections.defaultdict(list)
for _section, _option in _OPTIONS:
    _SECTIONS_OF[_option].append(_section)

# {how tests name an option: it}. One that two sections have is SECTION_OPTION.
_NAMED = {
    option if len(_SECTIONS_OF[option]) == 1 else f"{section}_{option}": (
        section,
        option,
    )
    for section, option in _OPTIONS
}


def text(**options):
    """
    Of a file with these options, each in its section; options that do not
    exist are in [guard].
    """
    sections = {}
    for name, value in options.items():
        assert name in _NAMED or name not in _SECTIONS_OF, "of which section?"
        section, option = _NAMED.get(name, ("guard", name))
        lines = sections.setdefault(section, [])
        lines.append(f"{option} = {value}\n")
    return "".join(f"[{s}]\n{''.join(sections[s])}" for s in sections)


def write(path, **options):
    """A file with these options and no others; returns its path."""
    with open(path, "w") as f:
        f.write(text(**options))
    return str(path)


class ConfigFile:
    """
    A file whose options change; options are those that it begins with.

    path: of the file. drop_ins: the directory beside it, which is not made.
    """

    def __init__(self, path, **options):
        self.path = path
        self.drop_ins = os.path.join(os.path.dirname(path), "conf.d")
        self._first = options
        self._now = {}
        self.set()

    def set(self, **options):
        """Change some; None: as at the beginning."""
        self._now.update(options)
        changed = {k: v for k, v in self._now.items() if v is not None}
        write(self.path, **{**self._first, **changed})
