# SPDX-License-Identifier: GPL-2.0-or-later
"""
A shell in the box: python -m tests.e2e.box.shell [storage|host1|host2]

Boots the box with its storage domains, and gives a shell of one of its VMs,
host1 unless told otherwise. Ctrl-] ends it, and the box with it.
"""

import os
import select
import socket
import sys
import termios
import tty

from tests.e2e import domains
from tests.e2e.box import image
from tests.e2e.box.box import Box
from tests.support import stale

NAMES = ("storage", "host1", "host2")
END = b"\x1d"


def main(name="host1"):
    if name not in NAMES or not sys.stdin.isatty():
        sys.exit(f"usage, on a terminal: make e2e-shell VM={'|'.join(NAMES)}")
    reason = image.missing()
    if reason:
        sys.exit(reason)
    stale.clean()
    say("booting, a few minutes ...")
    box = Box(say, note=lambda text: None)
    try:
        # The logs of a failure are kept.
        box.failed = True
        box.boot()
        box.wait_ready()
        made = domains.make_all(box)
        box.failed = False
        say(f"storage domains: {', '.join(made)}; Ctrl-] ends it all")
        (vm,) = [vm for vm in box.vms if vm.name == name]
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(vm.shell_path())
            size = os.get_terminal_size(sys.stdin.fileno())
            rows, columns = size.lines, size.columns
            s.sendall(b"cd; stty sane rows %d cols %d\n" % (rows, columns))
            _talk(s)
    finally:
        box.close()


def _talk(s):
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setraw(terminal)
        while True:
            ready, _, _ = select.select([terminal, s], [], [])
            if s in ready:
                data = s.recv(4096)
                if not data:
                    return
                os.write(sys.stdout.fileno(), data)
            if terminal in ready:
                data = os.read(terminal, 4096)
                if END in data or not data:
                    return
                s.sendall(data)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
