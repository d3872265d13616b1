# SPDX-License-Identifier: GPL-2.0-or-later
"""What the hooks of VDSM and libvirt run."""
