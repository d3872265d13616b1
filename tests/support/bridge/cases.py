# SPDX-License-Identifier: GPL-2.0-or-later
"""Stories of rows of the table of docs/bridge.md, and what each ends with."""

from vdsm_backup.bridge.shapes import NOTHING


class Cases:
    """
    found: {name: (story, row, act, tell, pending)}. A name is the number of
    the row that the story is about, and the name of its function.
    """

    def __init__(self):
        self.found = {}

    def case(self, number, act=NOTHING, tell="", pending="", row=None):
        """A story that ends with a look, whose answer is this."""

        def register(function):
            name = f"{number}-{function.__name__.strip('_')}"
            assert name not in self.found
            self.found[name] = function, row or number, act, tell, pending
            return function

        return register

    def check(self, name):
        story, row, act, tell, pending = self.found[name]
        answer = story()
        assert answer[:3] + answer[4:5] == (row, act, tell, pending)
