# SPDX-License-Identifier: GPL-2.0-or-later
"""In place of a module of ours: says nothing, and does not end by itself."""

import time


def main(args):
    time.sleep(1000)
