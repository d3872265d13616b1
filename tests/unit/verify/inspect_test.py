# SPDX-License-Identifier: GPL-2.0-or-later
"""The processes that read storage, where it is hostile."""

import json
import os
import subprocess

import pytest

from tests.support.hooks.needs import needs_other_user
from tests.support.processes import opens
from vdsm_backup.processes import spawn

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


def put_device(path):
    os.mknod(path, 0o666 | 0o020000, os.makedev(1, 3))


NO_FILES = pytest.mark.parametrize(
    "put", [os.mkfifo, pytest.param(put_device, marks=needs_other_user)]
)


def said(module, *args):
    command = spawn.command(f"vdsm_backup.verify.{module}", *args)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def dom_md(tmp_path):
    path = tmp_path / SD / "dom_md"
    path.mkdir(parents=True)
    return path


@NO_FILES
def test_a_domain_is_read_from_files_only(dom_md, put):
    put(dom_md / "ids")
    request = {
        "sd_id": SD,
        "directory": str(dom_md.parent),
        "areas": {"ids": None},
    }
    request.update(align=1024**2, sector=512, host_id=1)
    with opens.watched(dom_md / "ids") as opened:
        lines = said("inspect_domain", json.dumps(request))
        assert not opened()
    failed = {"area": "ids", "failed": "it is not a regular file"}
    assert lines[-2:] == [failed, {"end": True}]


@NO_FILES
def test_a_directory_is_read_from_files_only(dom_md, put):
    put(dom_md / "metadata")
    with opens.watched(dom_md / "metadata") as opened:
        found, end = said("inspect_directories", str(dom_md.parent))
        assert not opened()
    assert found["dom_md"] == "directory"
    assert found["sd_id"] is None
    assert end == {"end": True}
