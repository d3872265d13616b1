# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions that tests run inside a VDSM: see tests/support/vdsm/inside.py."""
