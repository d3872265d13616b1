# SPDX-License-Identifier: GPL-2.0-or-later
"""In place of vm/resolve_links.py: knows of one link, and hangs then."""

import json

from tests.support.hooks.domxmldata import SD1
from tests.support.processes import hanging


def main(args):
    print(json.dumps({"path": "/b", "real": f"/srv/{SD1}/x"}), flush=True)
    hanging.main(args)
