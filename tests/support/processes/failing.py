# SPDX-License-Identifier: GPL-2.0-or-later
"""In place of a module of ours: fails, whatever its arguments are."""


def main(args):
    raise SystemExit(1)
