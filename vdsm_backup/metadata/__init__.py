# SPDX-License-Identifier: GPL-2.0-or-later
"""What is on storage: the metadata of a domain. Pure."""
