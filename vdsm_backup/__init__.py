# SPDX-License-Identifier: GPL-2.0-or-later
"""The backup flag of oVirt storage domains, on the storage itself."""

__version__ = "0.1.0"
