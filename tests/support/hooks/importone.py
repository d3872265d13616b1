# SPDX-License-Identifier: GPL-2.0-or-later
"""
Imports one module, and says which modules are loaded then. Imports nothing
else than sys.

    python -I -S PATH ROOT MODULE
"""

import sys

if __name__ == "__main__":
    root, module = sys.argv[1:]
    sys.path.insert(0, root)
    __import__(module)
    print(*sys.modules)
