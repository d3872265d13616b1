# SPDX-License-Identifier: GPL-2.0-or-later
"""
A child of scripts.Script. Arguments: what it does, step by step. A step that
is none is a line that it says.
"""

import json
import os
import time


def say(text, end="\n"):
    print(text, end=end, flush=True)


def files():
    """
    The names of the standard files, and how many others there are; of these,
    one is the directory that it lists.
    """
    names = [os.readlink(f"/proc/self/fd/{n}") for n in range(3)]
    others = [n for n in os.listdir("/proc/self/fd") if int(n) > 2]
    say(json.dumps({"names": names, "others": len(others)}))


def say_for_ever():
    while True:
        say(1)


STEPS = {
    "cut": lambda: say('"cut', end=""),
    "die": lambda: 1 / 0,
    "files": files,
    "for ever": say_for_ever,
    "hang": lambda: time.sleep(60),
    # More than a pipe holds.
    "much": lambda: say('"0123456789"\n' * 20000, end=""),
    "pid": lambda: say(os.getpid()),
}


def main(args):
    for step in args:
        STEPS.get(step, lambda text=step: say(text))()
