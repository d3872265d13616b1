# SPDX-License-Identifier: GPL-2.0-or-later
"""
The configuration of this host by the files that can be used, where others
cannot. This is for commands that show what there is, and decide nothing: a
guard that went on without a file could go on without "enforcing".
"""

from __future__ import annotations

from vdsm_backup import config, errors


def load(path: str | None = None) -> config.Config:
    """
    The options of this host. Files and directories that cannot be used are
    left_out of it.

    path: as of config.load(). Raises ConfigInvalid if the file of this path
    cannot be used: who has named it does not mean the defaults.
    """
    left_out: list[errors.ConfigInvalid] = []
    sections = tuple(config.DEFAULTS)
    main, read = config.main_and_reader(path)
    found = []
    for name, said in read(main, left_out.append):
        try:
            found.append((name, config.known(name, said, sections)))
        except errors.ConfigInvalid as e:
            _require_other(e, path)
            left_out.append(e)
    while True:
        try:
            options = config.merged(main, found, sections)
        except errors.ConfigInvalid as e:
            _require_other(e, path)
            # The value that makes no sense is of this file, and counts.
            others = [each for each in found if each[0] != e.path]
            if others == found:
                raise
            found = others
            left_out.append(e)
        else:
            options.left_out = left_out
            return options


def _require_other(error: errors.ConfigInvalid, path: str | None) -> None:
    """Raise the error of the file that was named."""
    if error.path == path:
        raise error
