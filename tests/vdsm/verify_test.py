# SPDX-License-Identifier: GPL-2.0-or-later
"""
What VDSM makes is well to verify, and what verify says VDSM refuses, VDSM
refuses.
"""

import contextlib
import os
import subprocess
import types

import pytest

from tests.support import testhost
from tests.support.hooks import needs
from tests.support.lease import sanlockd
from tests.support.storage import filedomain, leasefiles, loop
from tests.support.vdsm.vdsmhost import POSIXFS
from vdsm_backup.lease import ondisk
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.verify import lines as verify_lines

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
POOL = "11111111-2222-3333-4444-555555555555"
PV = "pv:a,uuid:b,pestart:0,pecount:9,mapoffset:0"


@pytest.fixture
def verified(tmp_path):
    """The only row of verify."""
    with testhost.Host(tmp_path / "cli", 30) as cli:

        def run(mount):
            done = cli.process("--json", "verify", "--path", mount)
            (row,) = done.json["domains"]
            return row

        yield run


@pytest.mark.parametrize("version", [4, 5])
def test_local_domain(host, verified, version):
    sd_id, metafile = host.local_domain(version)
    mount = metafile.partition(sd_id)[0].rstrip("/")
    row = verified(mount)
    assert (row["problems"], row["notes"]) == ([], [])
    host.pool(sd_id)
    row = verified(mount)
    assert (row["problems"], row["notes"]) == ([], [])


@needs.needs_sanlock
@pytest.mark.slow("VDSM joins a lockspace")
@pytest.mark.skipif(bool(loop.missing()), reason=loop.missing())
@pytest.mark.parametrize("version", [4, 5])
def test_domain_with_a_lockspace(start, directory, verified, version):
    path = loop.make_file(os.path.join(directory, "disk"), 4096 * 1024**2)
    subprocess.run(["mkfs.ext4", "-q", path], check=True)
    device = loop.attach(path)
    with contextlib.closing(sanlockd.Host("host1", aio=True)) as daemon:
        host = start("h1", sanlock=daemon)
        host.connect(POSIXFS, {"connection": device, "vfs_type": "ext4"})
        sd_id = host.create_domain(POSIXFS, device, version)
        mount = os.path.join(host.root, "dc/mnt", device.replace("/", "_"))
        before = verified(mount)
        host.pool(sd_id)
        after = verified(mount)
    for row in (before, after):
        assert (row["problems"], row["notes"]) == ([], [])
        assert {"ids", "leases", "xleases"} <= set(row["looked_at"])


# Metadata


def refused_by_vdsm(lines, kind):
    """Whether VDSM can make nothing of a domain with these lines."""
    from vdsm.storage import blockSD, exception, fileSD, sd
    from vdsm.storage.persistent import DictValidator, PersistentDict

    fields = {
        "file": fileSD.FILE_SD_MD_FIELDS,
        "block": blockSD.BLOCK_SD_MD_FIELDS,
    }
    storage = types.SimpleNamespace(readlines=lambda: list(lines))
    md = DictValidator(PersistentDict(storage), fields[kind])

    class Manifest(sd.StorageDomainManifest):
        def getIdsFilePath(self):
            return "/ids"

        def getLeasesFilePath(self):
            return "/leases"

    try:
        manifest = Manifest(SD, "/", md)
        sd.StorageDomain.validate_version(manifest.getVersion())
        manifest.getDomainClass()
        manifest.getStorageType()
        len(manifest.getMetadata())
    except (exception.StorageException, KeyError, ValueError):
        return True
    return False


@pytest.mark.parametrize(
    "version, kind, values, code",
    [
        (4, "file", {}, None),
        (5, "file", {}, None),
        (5, "block", {"TYPE": "FCP", "PV0": PV}, None),
        (5, "file", {"TYPE": "nfs"}, None),
        (5, "file", {"POOL_UUID": POOL}, None),
        (4, "file", {"BLOCK_SIZE": "4096"}, 9622),
        (4, "file", {"ALIGNMENT": "8388608"}, 9622),
        (5, "file", {"ALIGNMENT": "x"}, 967),
        (5, "file", {"VERSION": "6"}, 9622),
        (5, "file", {"VERSION": "five"}, 9622),
        (5, "file", {"CLASS": "data"}, 9622),
        (5, "file", {"CLASS": None}, 9622),
        (5, "file", {"TYPE": "FTP"}, 9622),
        (5, "file", {"TYPE": None}, 9622),
        (5, "block", {"TYPE": "FCP", "PV0": "pv:a,uuid"}, 9622),
    ],
)
def test_metadata_that_vdsm_refuses(version, kind, values, code):
    values = filedomain.metadata(SD, version, **values)
    lines = md_lines.flush(values)
    found = verify_lines.check(lines, values, SD, kind)
    assert [e.code for e in found.problems] == ([code] if code else [])
    assert refused_by_vdsm(lines, kind) == bool(code)


@pytest.mark.parametrize(
    "pool, detached",
    [
        (None, True),
        ("", True),
        ("00000000-0000-0000-0000-000000000000", True),
        ("nothing", False),
    ],
)
def test_pool(pool, detached):
    """A pool that is none keeps VDSM from attaching the domain."""
    from vdsm.storage import fileSD, sd
    from vdsm.storage.persistent import DictValidator, PersistentDict

    values = filedomain.metadata(SD, POOL_UUID=pool)
    lines = md_lines.flush(values)
    storage = types.SimpleNamespace(readlines=lambda: lines)
    md = DictValidator(PersistentDict(storage), fileSD.FILE_SD_MD_FIELDS)
    pools = sd.StorageDomainManifest.getPools(
        types.SimpleNamespace(getMetaParam=lambda key: md[key])
    )
    found = verify_lines.check(lines, values, SD, "file")
    assert (not pools) == detached == (not found.problems)


# The index of xleases


@pytest.mark.parametrize(
    "options", [{}, {"magic": 1}, {"version": b"0002"}, {"updating": b"u"}]
)
def test_index_that_vdsm_refuses(options):
    from vdsm.storage import xlease

    data = leasefiles.index(SD, **options)
    try:
        refused = xlease.IndexMetadata.fromebytes(data).updating
    except xlease.InvalidMetadata:
        refused = True
    assert refused == bool(options) == bool(ondisk.index_faults(data, SD))
