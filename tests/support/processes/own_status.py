# SPDX-License-Identifier: GPL-2.0-or-later
"""Says in JSON what the kernel says of it."""

import json
import os

from tests.support.processes import proc


def main(args):
    print(json.dumps(proc.status(os.getpid())))
