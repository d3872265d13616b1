# SPDX-License-Identifier: GPL-2.0-or-later
"""
Says in JSON the mode of the guard, or what is wrong with a configuration:
[mode, null] or [path, message].

    python -m tests.support.host.guard_mode CONFIG
"""

import json
import sys

from vdsm_backup import config, errors

if __name__ == "__main__":
    try:
        print(json.dumps([config.load(sys.argv[1]).guard_mode, None]))
    except errors.ConfigInvalid as e:
        print(json.dumps([e.path, str(e)]))
