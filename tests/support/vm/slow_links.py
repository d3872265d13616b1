# SPDX-License-Identifier: GPL-2.0-or-later
"""
In place of vm/resolve_links.py: knows of a path, and of a name on the way of
another one, on which it hangs.
"""

import json

from tests.support.hooks.domxmldata import SD1
from tests.support.processes import hanging


def main(args):
    for line in (
        {"path": "/b", "name": f"/srv/{SD1}/x"},
        {"path": "/b", "followed": True},
        {"path": "/c", "name": f"/srv/{SD1}/y"},
    ):
        print(json.dumps(line), flush=True)
    hanging.main(args)
