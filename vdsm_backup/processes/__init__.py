# SPDX-License-Identifier: GPL-2.0-or-later
"""How the processes and threads of the product run."""
