# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading metadata at a place, with the reader that a host of tests has."""

import os

from tests.support.storage import filedomain
from tests.support.waiting import RUNS_OUT
from vdsm_backup.lvm.scan import DOMAIN_TAG, Pv, Scan, Vg
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
TIMEOUT = 10


def read(host, place):
    return md_lines.parse(host.reader.read(place, TIMEOUT)).values


def read_soon(host, place):
    """What stays away is looked for until then."""
    return host.reader.read(place, RUNS_OUT)


def directory(host, sd_id):
    return os.path.join(host.mount, sd_id)


def vg(*tags, name=A):
    pvs = [Pv("/dev/x", "uuid", False, True)]
    return Vg(name, "uuid", "wz--n-", tags, "", "", pvs, ())


TAGS = [
    DOMAIN_TAG,
    *map(encoding.encode_tag, md_lines.flush(filedomain.metadata(A))),
]
FOUND = Scan([vg(*TAGS)], {})
