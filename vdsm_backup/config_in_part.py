# SPDX-License-Identifier: GPL-2.0-or-later
"""
The configuration of this host by the files that can be used, where others
cannot. This is for commands that show what there is, and decide nothing: a
guard that went on without a file could go on without "enforcing".
"""

from __future__ import annotations

import contextlib

from vdsm_backup import config, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup.config_values import Texts


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
    found: list[tuple[str, Texts]] = []
    for name, said in read(main, left_out.append):
        try:
            found.append((name, config.known(name, said, sections)))
        except errors.ConfigInvalid as e:
            _require_other(e, path)
            left_out.append(e)
            # What is wrong may be nothing that a hook reads: then hooks go by
            # the rest of the file.
            with contextlib.suppress(errors.ConfigInvalid):
                of_hooks = config.known(name, said, config.OF_GUARD)
                found.append((name, of_hooks))
    while True:
        try:
            options = config.merged(main, found, sections)
        except errors.ConfigInvalid as e:
            _require_other(e, path)
            # The value that makes no sense is of this file, and counts.
            less = _without(found, e.path)
            if less == found:
                raise
            found = less
            if e.path not in {each.path for each in left_out}:
                left_out.append(e)
        else:
            options.left_out = left_out
            return options


def _without(
    found: list[tuple[str, Texts]], path: str
) -> list[tuple[str, Texts]]:
    """Without what hooks do not read of a file; then without the file."""
    less = []
    for name, texts in found:
        if name == path:
            kept = {
                key: text
                for key, text in texts.items()
                if key[0] in config.OF_GUARD
            }
            if kept == texts:
                continue
            texts = kept
        less.append((name, texts))
    return less


def _require_other(error: errors.ConfigInvalid, path: str | None) -> None:
    """Raise the error of the file that was named."""
    if error.path == path:
        raise error
