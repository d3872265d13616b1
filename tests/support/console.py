# SPDX-License-Identifier: GPL-2.0-or-later
"""
Pages that show what commands say: the blocks "```console" of a page, typed at
a shell on a terminal. A block has commands behind PROMPT, and behind each what
it says:

    demo# vdsm-backup-domain --config demo.conf list
    UUID ...

typed() gives the page with what the commands say now. alike() is the page
without what differs from run to run.
"""

import os
import re
import subprocess

from tests.support import pagediff
from tests.support.closing import Closing
from tests.support.terminal import Terminal

PROMPT = "demo# "

# Columns of the terminal: what a browser shows of a page.
WIDTH = 100

# The prompt, which no command shows.
_END = "<the shell waits>"

# Seconds, for one command on a busy machine.
_TIMEOUT = 300

_BLOCK = re.compile(r"(?ms)^(```console\n)(.*?)(^```$)")


class Shell(Closing):
    """An interactive bash, of which nobody sees the commands again."""

    def __init__(self):
        self._terminal = Terminal(WIDTH)
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "--noediting", "-i"],
            stdin=self._terminal.side,
            stdout=self._terminal.side,
            stderr=self._terminal.side,
            start_new_session=True,
            env={**os.environ, "PS1": _END, "TERM": "dumb", "HISTFILE": ""},
        )
        self._terminal.release()
        self._count = 0
        self._wait()
        self.run("stty -echo")

    def close(self):
        self._process.kill()
        self._process.wait()
        self._terminal.close()

    def run(self, line):
        """What a command says, on stdout and stderr."""
        seen = len(self._terminal.screen)
        self._terminal.type(f"{line}\n")
        self._wait()
        return self._terminal.screen[seen : -len(_END)].rstrip("\n")

    def _wait(self):
        self._count += 1
        self._terminal.wait_for_count(_END, self._count, _TIMEOUT)


def commands(page):
    for _, block, _ in _BLOCK.findall(page):
        for line in block.splitlines():
            if line.startswith(PROMPT):
                yield line[len(PROMPT) :]


def typed(page, shell):
    """The page with what its commands say now."""

    def of_block(match):
        lines = []
        for line in match[2].splitlines():
            if line.startswith(PROMPT):
                lines.append(line)
                said = shell.run(line[len(PROMPT) :])
                lines += said.splitlines()
        return match[1] + "\n".join([*lines, match[3]])

    return _BLOCK.sub(of_block, page)


_DIFFERS = (
    (r"/tmp/[\w/.-]*?/demo-\w+", "DIRECTORY"),
    (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r"\b[0-9a-f]{40}\b", "CHECKSUM"),
    (r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"(BACKUP_ORIGIN=|  origin +)file:.*", r"\1ORIGIN"),
    (r"(by |BY=|\n\d .* )[\w.-]+@[\w.-]+", r"\1USER@HOST"),
    # Where there is no libvirt, and where it answers.
    (r"\n(note: |Note +)not seen: VMs of this host: .*", ""),
    # Where there is no journal.
    (r"\nnote: the journal of this host was not told of it", ""),
    # Where it takes longer than a second.
    (r"\nwaiting for .* \.\.\.", ""),
    (r" {2,}", "  "),
    (r" +\n", "\n"),
    # Rows come as domains answer.
    (
        r"(?m)(?:^UUID +(?:file|block) .*\n)+",
        pagediff.in_order,
    ),
)


def alike(page):
    for pattern, name in _DIFFERS:
        page = re.sub(pattern, name, page)
    return page
