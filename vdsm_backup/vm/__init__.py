# SPDX-License-Identifier: GPL-2.0-or-later
"""What a VM uses. Reads no storage."""
