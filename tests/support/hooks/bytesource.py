# SPDX-License-Identifier: GPL-2.0-or-later


class Source:
    """As hooks.answer.Stdin, of bytes that are there already."""

    def __init__(self, data, vm_id=""):
        self._data = data
        self.vm_id = vm_id

    def read(self):
        return self._data
