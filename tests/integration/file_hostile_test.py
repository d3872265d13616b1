# SPDX-License-Identifier: GPL-2.0-or-later
"""
Reading and writing a file domain, of which another client of the server swaps
the files meanwhile.
"""

import errno
import os

import pytest

from tests.support import programs
from tests.support.fileio.swapping import KINDS, NO_FILES, put_hard_link
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.storage import filedomain
from tests.support.storage.filewriting import (
    BEFORE_CONFIRM,
    at,
    flagged_lines,
    storage_on,
    temporaries,
)
from vdsm_backup import errors
from vdsm_backup.change import change

pytest_plugins = ["tests.support.fileio.swapping"]


@pytest.mark.parametrize("put", KINDS)
@pytest.mark.parametrize("step", BEFORE_CONFIRM[2:])
def test_a_change(mount, sd_id, backend, victim, put, step):
    """Whatever the new file becomes: the old metadata stays, or is changed."""
    storage = storage_on(mount, backend, sd_id)
    old = storage.read()
    new = flagged_lines(sd_id)

    def swap():
        [name] = temporaries(mount, sd_id)
        name = os.path.join(storage.dom_md, name)
        os.unlink(name)
        put(name, victim)

    with pytest.raises((errors.Error, OSError)):
        storage.write(old, new, at(step, swap))
    assert storage.read() == old


@pytest.mark.parametrize("put", KINDS)
def test_metadata_of_another_kind_is_not_read(mount, sd_id, backend, put):
    other = filedomain.make(mount)
    path = filedomain.path(mount, sd_id)
    os.unlink(path)
    put(path, filedomain.path(mount, other))
    storage = storage_on(mount, backend, sd_id)
    if put is put_hard_link:
        # It says which domain it is of.
        with pytest.raises(errors.NotMetadata, match=other):
            change.checked(storage)
        return
    with pytest.raises((errors.MetadataUnreadable, errors.NotMetadata)):
        storage.read()


@pytest.mark.parametrize("put", NO_FILES)
@pytest.mark.parametrize("name", ["ids", "leases"])
def test_sanlock_is_told_of_files_only(
    mount, sd_id, backend, victim, put, name
):
    storage = storage_on(mount, backend, sd_id)
    path = os.path.join(storage.dom_md, name)
    os.unlink(path)
    put(path, victim)
    with pytest.raises(errors.WriteFailed, match=f"{name} is not a regular"):
        with storage.lease_paths():
            pass


@needs_namespace
@pytest.mark.parametrize("name", ["", "metadata"])
def test_mount_points_inside(mount, sd_id, backend, name):
    """dom_md is crossed. Over a file that is one nothing is renamed."""
    path = os.path.join(mount, sd_id, "dom_md", name).rstrip("/")
    before = filedomain.get_bytes(mount, sd_id)
    with Namespace() as ns:
        ns.bind(path, path)
        module = "tests.support.storage.rewriter"
        done = programs.run(
            *(module, backend, mount, sd_id, 3), inside=ns.enter()
        )
    if not name:
        assert done.returncode == 0, done.stderr
        assert filedomain.get_bytes(mount, sd_id) != before
    else:
        assert "WriteFailed" in done.stderr
        assert os.strerror(errno.EBUSY) in done.stderr
        assert filedomain.get_bytes(mount, sd_id) == before
