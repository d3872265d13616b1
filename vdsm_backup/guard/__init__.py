# SPDX-License-Identifier: GPL-2.0-or-later
"""May a VM do this with the domains that it needs."""
