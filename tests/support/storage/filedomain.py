# SPDX-License-Identifier: GPL-2.0-or-later
"""
File domains laid out as VDSM lays them out (fileSD.py, _prepareMetadata).
"""

import os
import uuid

from tests.support.storage import leasefiles
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines

MODE = 0o660
MAILBOX = 16 * 1024**2


def metadata(sd_id, version=5, name="data1", **overrides):
    """The values that VDSM gives a new domain; None takes a key out."""
    values = {
        "VERSION": str(version),
        "SDUUID": sd_id,
        "TYPE": "NFS",
        "CLASS": "Data",
        "DESCRIPTION": name,
        "ROLE": "Regular",
        "POOL_UUID": "",
        "LOCKPOLICY": "",
        "LOCKRENEWALINTERVALSEC": "5",
        "LEASETIMESEC": "60",
        "IOOPTIMEOUTSEC": "10",
        "LEASERETRIES": "3",
        "REMOTE_PATH": "server:/data",
    }
    if version > 4:
        values["ALIGNMENT"] = str(1024**2)
        values["BLOCK_SIZE"] = "512"
    values.update(overrides)
    return {key: value for key, value in values.items() if value is not None}


def make(mount_dir, version=5, sd_id=None, name="data1", owner=None, **more):
    """A new domain below a mounted directory; returns its UUID."""
    sd_id = sd_id or str(uuid.uuid4())
    dom_md = os.path.join(mount_dir, sd_id, "dom_md")
    os.makedirs(dom_md)
    os.makedirs(os.path.join(mount_dir, sd_id, "images"))
    for special in ("inbox", "outbox"):
        with open(os.path.join(dom_md, special), "xb") as f:
            f.truncate(MAILBOX)
    leasefiles.make(dom_md, sd_id)
    if version < 4:
        os.unlink(os.path.join(dom_md, "xleases"))
    for special in os.listdir(dom_md):
        os.chmod(os.path.join(dom_md, special), MODE)
    put(
        mount_dir,
        sd_id,
        md_lines.flush(metadata(sd_id, version, name, **more)),
    )
    if owner:
        _chown(os.path.join(mount_dir, sd_id), owner)
    return sd_id


def path(mount_dir, sd_id):
    return os.path.join(mount_dir, sd_id, "dom_md", "metadata")


def put(mount_dir, sd_id, lines):
    put_bytes(mount_dir, sd_id, encoding.encode_file(lines))


def put_bytes(mount_dir, sd_id, data):
    """Metadata as somebody else may have left it."""
    with open(path(mount_dir, sd_id), "wb") as f:
        f.write(data)
    # VDSM writes by open(2) with its umask; its files are 0644.
    os.chmod(path(mount_dir, sd_id), 0o644)


def get_bytes(mount_dir, sd_id):
    with open(path(mount_dir, sd_id), "rb") as f:
        return f.read()


def _chown(top, owner):
    for directory, _, names in os.walk(top):
        os.chown(directory, *owner)
        for name in names:
            os.chown(os.path.join(directory, name), *owner)
