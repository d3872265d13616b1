# SPDX-License-Identifier: GPL-2.0-or-later
"""
Says in JSON what a machine does not have:

    python3 -m tests.e2e.inside.lacking MODULES FILES

Both are lists, in JSON.
"""

import importlib.util
import json
import os
import sys

if __name__ == "__main__":
    modules, files = map(json.loads, sys.argv[1:])
    lacking = {
        "modules": [n for n in modules if not importlib.util.find_spec(n)],
        "files": [path for path in files if not os.path.exists(path)],
        "version": sys.version_info[:2],
    }
    print(json.dumps(lacking))
