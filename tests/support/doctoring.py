# SPDX-License-Identifier: GPL-2.0-or-later


def states(findings):
    return [found.state for found in findings]
