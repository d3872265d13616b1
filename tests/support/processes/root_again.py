# SPDX-License-Identifier: GPL-2.0-or-later
"""
Root, who works as another user, gives up all privileges, and tries to get them
back. Says what it has then, and fails if something is not refused.
"""

import os
import subprocess

from vdsm_backup.processes import confined

TRIES = [
    lambda: os.setuid(0),
    lambda: os.seteuid(0),
    lambda: os.setresuid(0, 0, 0),
    lambda: os.setgroups([0]),
    lambda: os.chroot("/"),
    lambda: os.mknod("/tmp/x", 0o020666, os.makedev(1, 3)),
]


def refused(call):
    try:
        call()
    except PermissionError:
        return True
    return False


if __name__ == "__main__":
    os.setegid(36)
    os.seteuid(36)
    confined.drop()
    assert all(map(refused, TRIES))
    print(os.getresuid(), os.getresgid(), os.getgroups())
    # A program that is root's whoever runs it, and reads what is root's.
    done = subprocess.run(
        ["/usr/bin/passwd", "-S", "root"], capture_output=True
    )
    print(done.returncode != 0)
