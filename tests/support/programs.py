# SPDX-License-Identifier: GPL-2.0-or-later
"""
Starts programs: of the product and of the tests, which are modules that run
by their dotted names and are found wherever the program runs.
"""

import os
import subprocess
import sys

from tests import ROOT


def command(module, *args):
    return [sys.executable, "-m", module, *map(str, args)]


def environ(more=None):
    """Ours, more, and where our modules are."""
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    ours = {"PYTHONPATH": os.pathsep.join([ROOT, *filter(None, path)])}
    return {**os.environ, **ours, **(more or {})}


def start(module, *args, inside=(), env=None, **options):
    """
    A Popen that is talked to by text, if not said otherwise.

    inside: a command that runs another one elsewhere, or as somebody else.
    env: added to ours. options: of Popen.
    """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    settings = {**pipes, "text": True, "cwd": ROOT, **options}
    return subprocess.Popen(
        [*inside, *command(module, *args)], env=environ(env), **settings
    )


def run(module, *args, inside=(), env=None, **options):
    """The same until it has ended: a CompletedProcess."""
    settings = {"capture_output": True, "text": True, "cwd": ROOT, **options}
    return subprocess.run(
        [*inside, *command(module, *args)], env=environ(env), **settings
    )
