# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs pytest with the modules of a directory before all others. Started by its
path, with -I:

    python3 -I run_tests.py DIRECTORY OPTION...
"""

import sys

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    import hypothesis
    import pytest

    # The same examples on each Python would show nothing more.
    hypothesis.settings.register_profile(
        "few", max_examples=3, derandomize=True, database=None, deadline=None
    )
    sys.exit(pytest.main([*sys.argv[2:], "--hypothesis-profile=few"]))
