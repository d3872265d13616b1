# SPDX-License-Identifier: GPL-2.0-or-later
"""
A process of one sanlockd.Host that makes one call and says what it gives:

    python -m tests.support.lease.caller CALL [ARGUMENTS IN JSON]

It stays until its input is closed, and has what it has taken until then. Or
it makes calls that take nothing, one after the other:

    python -m tests.support.lease.caller
    -> [CALL, ARGUMENTS]        <- {"gives": RESULT} or {"fails": TEXT}
"""

import json
import sys

import sanlock

from vdsm_backup.lease import client
from vdsm_backup.lease.request import LeaseRequest


def lockspaces():
    """{name: host id} of those that this host is in."""
    return {
        space["lockspace"].decode(): space["host_id"]
        for space in sanlock.get_lockspaces()
    }


def initialize(name, ids, leases, align, sector, io_timeout):
    name, size = name.encode(), {"align": align, "sector": sector}
    sanlock.write_lockspace(name, ids, iotimeout=io_timeout, **size)
    sanlock.write_resource(name, b"SDM", [(leases, align)], **size)


def join(name, host_id, path, io_timeout):
    sanlock.add_lockspace(name.encode(), host_id, path, iotimeout=io_timeout)


def leave(name, host_id, path):
    sanlock.rem_lockspace(name.encode(), host_id, path)


def acquire(name, path, offset):
    """0, or the errno of sanlock."""
    disks = [(path, offset)]
    try:
        sanlock.acquire(name.encode(), b"SDM", disks, slkfd=sanlock.register())
    except sanlock.SanlockException as e:
        return e.errno
    return 0


def tidy(request):
    client.tidy(LeaseRequest(**request), progress=lambda text: None)


def serve():
    for line in sys.stdin:
        call, args = json.loads(line)
        try:
            answer = {"gives": globals()[call](*args)}
        except sanlock.SanlockException as e:
            answer = {"fails": str(e)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        result = globals()[sys.argv[1]](*json.loads(sys.argv[2]))
        print(json.dumps(result), flush=True)
        sys.stdin.read()
    else:
        serve()
