# SPDX-License-Identifier: GPL-2.0-or-later
"""
Child process: opens the file of a local domain's lock, for its parent, which
must not hang where the storage does.

Its arguments are the number of a socket and the path of the file. The open
file goes over the socket; one line of JSON tells of it:

    {"opened": true}, or {"failed": REASON}
"""

import json
import os
import socket
import stat

# O_NONBLOCK: whatever is there instead of the file, do not wait for its other
# end.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def main(args):
    number, path = args
    with socket.socket(fileno=int(number)) as sock:
        print(json.dumps(_open(sock, path)), flush=True)


def _open(sock, path):
    try:
        fd = os.open(path, _OPEN)
        regular = stat.S_ISREG(os.fstat(fd).st_mode)
    except OSError as e:
        return {"failed": e.strerror}
    if not regular:
        return {"failed": "it is not a regular file"}
    socket.send_fds(sock, [b"\0"], [fd])
    return {"opened": True}
