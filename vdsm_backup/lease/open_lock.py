# SPDX-License-Identifier: GPL-2.0-or-later
"""
Child process: opens the file of a local domain's lock, for its parent, which
must not hang where the storage does.

Run by its path with the number of a socket and the path of the file: it
imports nothing of ours. The open file goes over the socket; one line of JSON
tells of it:

    {"opened": true}, or {"failed": REASON}
"""

import json
import os
import socket
import stat
import sys

# O_NONBLOCK: whatever is there instead of the file, do not wait for its other
# end.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def main(sock, path):
    try:
        fd = os.open(path, _OPEN)
        regular = stat.S_ISREG(os.fstat(fd).st_mode)
    except OSError as e:
        return {"failed": e.strerror}
    if not regular:
        return {"failed": "it is not a regular file"}
    socket.send_fds(sock, [b"\0"], [fd])
    return {"opened": True}


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        print(json.dumps(main(sock, sys.argv[2])), flush=True)
