# SPDX-License-Identifier: GPL-2.0-or-later
"""
The command, which gets a signal at a moment of its work:

    python -m tests.support.processes.interrupted SIGNAL MOMENT [ARGUMENT ...]

MOMENT: a step of the writer; "2 commit", a step of the second writer, which
undoes; the beginning of what the command tells of its progress; "search";
"read", when storage is scanned; "tidy"; "permit", when one is made.
"""

import os
import sys

from vdsm_backup.change import write
from vdsm_backup.cli import main, output, target, wiring
from vdsm_backup.guard import permit_files
from vdsm_backup.storage import sources


class Moment:
    def __init__(self, number, name):
        self._number = number
        self._name = name
        self._writers = 0

    def __call__(self, name):
        if name.startswith(self._name):
            os.kill(os.getpid(), self._number)

    def before(self, function, name):
        def called(*args, **settings):
            self(name)
            return function(*args, **settings)

        return called

    def run(self, real):
        def run(storage, old, new, held, timeout, on_step):
            self._writers += 1
            prefix = "" if self._writers == 1 else f"{self._writers} "

            def at_step(name):
                on_step(name)
                self(prefix + name)

            return real(storage, old, new, held, timeout, at_step)

        return run

    def progress(self, real):
        def progress(ui, text):
            self(text)
            return real(ui, text)

        return progress


def interrupt(number, name):
    moment = Moment(int(number), name)
    write.run = moment.run(write.run)
    output.UI.progress = moment.progress(output.UI.progress)
    target.one = moment.before(target.one, "search")
    permit_files.make = moment.before(permit_files.make, "permit")
    scans = sources.Sources
    scans.scans = moment.before(scans.scans, "read")
    target.to_change = moment.before(target.to_change, "search")
    world = wiring.HostWorld
    world.tidy = moment.before(world.tidy, "tidy")


if __name__ == "__main__":
    interrupt(*sys.argv[1:3])
    sys.argv[1:3] = []
    main.run()
