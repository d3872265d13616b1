# SPDX-License-Identifier: GPL-2.0-or-later
"""LVM, limited to some devices, each command bounded."""
