# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the metadata of a domain is: readers and writers."""
