# SPDX-License-Identifier: GPL-2.0-or-later
import os

# The checkout that these tests are of.
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
