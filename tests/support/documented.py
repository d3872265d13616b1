# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that a page of docs shows, for tests that type them."""

import os
import re

from tests import ROOT


def journal_lines():
    """The two commands of docs/audit.md that do by hand what `log` does."""
    with open(os.path.join(ROOT, "docs", "audit.md"), encoding="utf-8") as f:
        block = re.search(r"^```sh\n(.*?)^```", f.read(), re.M | re.S)[1]
    lines = block.splitlines()
    assert len(lines) == 2
    return lines
