# SPDX-License-Identifier: GPL-2.0-or-later
"""
VDSM's own test suites, plain and with the plugin in it: what differs?

    make vdsm-suite VDSM=<checkout>

    __main__.py      runs them twice, compares, says what differs
    suites.py        one run: which tests, in which environment, to its end
    recorder.py      pytest plugin of both runs: notes what became of each test
    with_plugin.py   pytest plugin of the second run: puts the plugin in place
    compare.py       the difference of two runs
    explained.json   differences that are no fault of the plugin, and why

Nothing of VDSM is in here: its tests are those of the checkout.
"""
