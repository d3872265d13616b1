# SPDX-License-Identifier: GPL-2.0-or-later


class Closing:
    """A context of its own, at the end of which it is closed."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
