# SPDX-License-Identifier: GPL-2.0-or-later
"""Who uses a domain, as far as this host can see."""
