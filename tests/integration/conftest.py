# SPDX-License-Identifier: GPL-2.0-or-later
import os

import pytest

from tests.support import rundir
from tests.support.storage import filedomain, hangfs
from tests.support.storage.backends import BACKENDS, open_io


@pytest.fixture(params=BACKENDS)
def backend(request):
    """[storage] ioprocess; see backends.py."""
    return request.param


@pytest.fixture
def io(backend):
    with open_io(backend, "test", 10) as io:
        yield io


@pytest.fixture
def run_dir():
    """A directory that other users may enter."""
    path = rundir.make("test")
    yield path
    rundir.remove(path)


@pytest.fixture
def mount(run_dir):
    """In place of a mount, with nothing on it."""
    return run_dir


@pytest.fixture
def sd_id(mount):
    """A file domain on it."""
    return filedomain.make(mount)


@pytest.fixture
def hang():
    with hangfs.Hangfs() as fs:
        yield fs


@pytest.fixture
def fs(hang):
    """With a file."""
    with open(os.path.join(hang.root, "file"), "w") as f:
        f.write("data")
    return hang


@pytest.fixture
def path(fs):
    return os.path.join(fs.mount, "file")
