# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs a command of ssh, and adds a line of JSON to a file: when, what was
wanted, and the CPU seconds of the command with all below it.

    counted.py FILE PROGRAM [ARGUMENT...]
"""

import json
import os
import sys
import time


def main():
    path, *command = sys.argv[1:]
    now = time.time()
    pid = os.posix_spawn(command[0], command, os.environ)
    _, status, used = os.wait4(pid, 0)
    line = {
        "time": now,
        "request": os.environ.get("SSH_ORIGINAL_COMMAND", ""),
        "cpu": used.ru_utime + used.ru_stime,
    }
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, json.dumps(line).encode() + b"\n")
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
