# SPDX-License-Identifier: GPL-2.0-or-later
"""A child of scripts.Script. Arguments: the name of a function, its own."""

import json
import os
import time


def say(*texts):
    """Lines of JSON."""
    for text in texts:
        print(text, flush=True)


def say_arguments(*args):
    print(json.dumps(args))


def say_much():
    """More than a pipe holds."""
    for _ in range(20000):
        print('"0123456789"')


def say_for_ever():
    while True:
        print(1, flush=True)


def break_off():
    """In the middle of a line, and hang."""
    print('1\n2\n"cut', end="", flush=True)
    time.sleep(60)


def hang():
    time.sleep(60)


def say_pid_and_hang():
    print(os.getpid(), flush=True)
    hang()


def die():
    print(1, flush=True)
    raise ZeroDivisionError


def fail():
    raise SystemExit(1)


def say_and_hang(text):
    say(text)
    hang()


def say_files():
    """
    The names of the standard files, and how many others there are; of these,
    one is the directory that it lists.
    """
    names = [os.readlink(f"/proc/self/fd/{n}") for n in range(3)]
    others = [n for n in os.listdir("/proc/self/fd") if int(n) > 2]
    print(json.dumps({"names": names, "others": len(others)}))


def main(args):
    name, *rest = args
    globals()[name](*rest)
