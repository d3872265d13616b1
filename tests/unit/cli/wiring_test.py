# SPDX-License-Identifier: GPL-2.0-or-later
"""Which lease a change takes; the leases themselves have their own tests."""

import contextlib
import os
import types

import pytest

from tests.support.storage import filedomain
from vdsm_backup import config, errors
from vdsm_backup.change.attempt import COMMAND, Attempt
from vdsm_backup.cli import wiring
from vdsm_backup.host import mounts
from vdsm_backup.host.mounts import Mount
from vdsm_backup.lease import client, local
from vdsm_backup.storage.base import LeasePaths

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


def mount(fs_type, point="/", number=20, parent=1):
    device = "/dev/mapper/x"
    return Mount(str(point), fs_type, device, "rw", "/", number, parent)


@pytest.fixture
def table(monkeypatch):
    """What the kernel tells of mounts; files are on the first one."""
    found = [mount("ext4")]
    monkeypatch.setattr(mounts, "table", lambda: found)
    monkeypatch.setattr(mounts, "_mount_id", lambda fd: found[0].id)
    return found


@pytest.fixture
def sanlock(monkeypatch):
    """The requests that it gets; each fails."""
    requests = []

    @contextlib.contextmanager
    def take(request, progress):
        requests.append(request)
        raise errors.SanlockFailed("read it", "it is empty")
        yield

    monkeypatch.setattr(client, "take", take)
    return requests


@pytest.fixture
def paths(tmp_path):
    path = tmp_path / "server:_data" / SD / "dom_md"
    path.mkdir(parents=True)
    (path / "ids").touch()
    return LeasePaths(str(path / "ids"), str(path / "leases"))


def take(paths, kind="file", **values):
    storage = types.SimpleNamespace(sd_id=SD, kind=kind, io_user=None)
    values = filedomain.metadata(SD, **values)
    world = wiring.HostWorld(
        *(storage, config.load(os.devnull), 1, print),
        Attempt("set", "why", "admin@host1", COMMAND),
    )
    return world._take_lease(paths, values)


@pytest.mark.parametrize("fs_type", ["ext4", "xfs", "btrfs", "tmpfs"])
def test_local_domain(paths, table, sanlock, fs_type):
    table[0] = mount(fs_type)
    with take(paths, TYPE="LOCALFS") as held:
        assert isinstance(held, local.Held)
        assert os.path.samefile(f"/proc/self/fd/{held.fd}", paths.ids)
    assert sanlock == []


@pytest.mark.parametrize("fs_type", ["nfs4", "fuse.glusterfs", "overlay"])
def test_domain_that_only_says_it_is_local(paths, table, sanlock, fs_type):
    """And one that is, on what other hosts may have, is told what is wrong."""
    table[0] = mount(fs_type)
    with pytest.raises(errors.SanlockFailed) as e:
        with take(paths, TYPE="LOCALFS"):
            raise AssertionError
    assert "it is empty; a domain of TYPE=LOCALFS has no" in str(e.value)
    assert f"it is on {fs_type}, which other hosts may have" in str(e.value)
    assert [request.ids for request in sanlock] == [paths.ids]


def test_no_mount_is_known(paths, table, sanlock):
    table.clear()
    with pytest.raises(errors.SanlockFailed) as e:
        with take(paths, TYPE="LOCALFS"):
            raise AssertionError
    assert "it is on no known mount" in str(e.value)


@pytest.mark.parametrize("where", ["domain", "dom_md", "ids"])
def test_what_is_mounted_below(paths, table, sanlock, where):
    point = {
        "ids": paths.ids,
        "dom_md": os.path.dirname(paths.ids),
        "domain": os.path.dirname(os.path.dirname(paths.ids)),
    }[where]
    table.append(mount("nfs4", point, 30, 20))
    with pytest.raises(errors.SanlockFailed):
        with take(paths, TYPE="LOCALFS"):
            raise AssertionError
    assert len(sanlock) == 1


@pytest.mark.parametrize("levels", [1, 2])
def test_link_into_another_mount(paths, table, sanlock, tmp_path, levels):
    """VDSM has local domains in its repository by a link."""
    table.append(mount("nfs4", tmp_path / "server:_data", 30, 20))
    link = "server:_data"
    for n in range(levels):
        os.symlink(link, tmp_path / f"_{n}")
        link = f"_{n}"
    ids = paths.ids.replace("server:_data", link)
    with pytest.raises(errors.SanlockFailed):
        with take(LeasePaths(ids, paths.leases), TYPE="LOCALFS"):
            raise AssertionError
    assert [request.ids for request in sanlock] == [ids]


def test_link_that_was_not_seen(paths, table, sanlock, monkeypatch):
    """The open file decides."""
    opened = mounts.of_file

    def of_file(fd):
        table[0] = mount("nfs4")
        return opened(fd)

    monkeypatch.setattr(mounts, "of_file", of_file)
    with pytest.raises(errors.WriteFailed) as e:
        with take(paths, TYPE="LOCALFS"):
            raise AssertionError
    assert "it is on nfs4, which other hosts may have" in str(e.value)
    assert sanlock == []


@pytest.mark.parametrize(
    "kind, values",
    [
        ("block", {"TYPE": "LOCALFS"}),
        ("file", {"TYPE": "NFS"}),
        ("file", {"TYPE": None}),
        ("file", {"TYPE": "localfs"}),
    ],
)
def test_other_domains_on_a_private_file_system(
    paths, table, sanlock, kind, values
):
    with pytest.raises(errors.SanlockFailed) as e:
        with take(paths, kind, **values):
            raise AssertionError
    assert str(e.value).endswith("it is empty")
    assert len(sanlock) == 1
