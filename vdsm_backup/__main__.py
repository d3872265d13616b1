# SPDX-License-Identifier: GPL-2.0-or-later
"""
`python -m vdsm_backup` does the same as the command vdsm-backup-domain, which
begins here, too.
"""

import _signal  # type: ignore[import-not-found]


def run() -> None:
    """As main.run()."""
    # Ctrl-C before that is there would print a traceback of the imports.
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    from vdsm_backup.cli import main

    main.run()


if __name__ == "__main__":
    run()
