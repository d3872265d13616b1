# SPDX-License-Identifier: GPL-2.0-or-later
"""Finding domains, on real directories and in places that misbehave."""

import os
import threading

import pytest

from tests.support import configfile, testhost
from tests.support.hooks.needs import needs_fuse
from tests.support.storage import filedomain, hangfs
from tests.support.waiting import RUNS_OUT
from vdsm_backup import config, errors
from vdsm_backup.storage.discovery import Discovery

A = "aaaaaaaa-0000-4000-8000-000000000001"
B = "bbbbbbbb-0000-4000-8000-000000000002"


@pytest.fixture
def host(tmp_path):
    with testhost.Host(tmp_path / "host", io_timeout=RUNS_OUT) as host:
        yield host


def discovery(host):
    return Discovery(config.load(host.config))


def found(host):
    storages, failures = discovery(host).all()
    return [s.sd_id for s in storages], [f.source for f in failures]


def test_all_kinds_of_mounts(host):
    gluster = host.add_mount(os.path.join("glusterSD", "gl1:_vol"))
    host.domain(sd_id=A)
    host.domain(sd_id=B, mount=gluster)
    assert found(host) == ([A, B], [])


@pytest.mark.parametrize("name", ["not-a-uuid", A.upper(), A + "x"])
def test_other_directories_are_no_domains(host, name):
    os.makedirs(os.path.join(host.mount, name, "dom_md"))
    assert found(host) == ([], [])


@pytest.mark.parametrize("what", ["file", "empty"])
def test_what_has_no_dom_md_is_no_domain(host, what):
    path = os.path.join(host.mount, A)
    if what == "file":
        open(path, "w").close()
    else:
        os.mkdir(path)
    assert found(host) == ([], [])


@needs_fuse
def test_a_domain_that_cannot_be_looked_at_hides_no_other(host):
    with hangfs.Hangfs() as fs:
        os.symlink(fs.mount, os.path.join(host.repo, "mnt", "_bad"))
        for sd_id in (A, B):
            filedomain.make(fs.root, sd_id=sd_id)
        os.rename(
            os.path.join(fs.root, A, "dom_md"),
            os.path.join(fs.root, A, "dom_md.away"),
        )
        os.symlink("dom_md", os.path.join(fs.root, A, "dom_md"))
        assert found(host)[0] == [B]
        fs.fail("getattr", 5, "dom_md")
        assert found(host)[1] == [
            os.path.join(host.repo, "mnt", "_bad", sd_id) for sd_id in (A, B)
        ]


def test_two_places_of_one_domain(host):
    other = host.add_mount("other:_data")
    host.domain(sd_id=A)
    host.domain(sd_id=A, mount=other)
    with pytest.raises(errors.AmbiguousDomain) as e:
        discovery(host).find(A)
    assert host.mount in str(e.value) and other in str(e.value)


@needs_fuse
@pytest.mark.parametrize("patient", [False, True])
def test_a_copy_in_a_slow_place(host, patient, monkeypatch):
    """Who changes a domain waits for it; who looks gets a note."""
    monkeypatch.setattr("vdsm_backup.storage.discovery.GRACE", 0.2)
    host.domain(sd_id=A)
    with hangfs.Hangfs() as fs:
        os.symlink(fs.mount, os.path.join(host.repo, "mnt", "_slow"))
        filedomain.make(fs.root, sd_id=A)
        fs.hang("readdir")
        timer = threading.Timer(1.5, fs.clear)
        timer.start()
        try:
            if patient:
                with pytest.raises(errors.AmbiguousDomain):
                    discovery(host).find(A, patient=True)
            else:
                storage, failures = discovery(host).find(A)
                assert storage.found_at.startswith(host.mount)
                assert len(failures) == 1
        finally:
            timer.join()


@pytest.mark.parametrize("name", ["\x1b[31mevil", "copy-of-data1"])
def test_path_of_a_directory_that_is_no_uuid(host, tmp_path, name):
    sd_id = host.domain()
    path = str(tmp_path / name)
    os.rename(os.path.join(host.mount, sd_id), path)
    with pytest.raises(errors.DomainNotFound) as e:
        discovery(host).at_path(path)
    assert "\x1b" not in str(e.value)


def test_repo_root_that_is_none(host, tmp_path):
    (tmp_path / "file").write_text("")
    drop_in = os.path.join(host.drop_ins, "a.conf")
    os.mkdir(host.drop_ins)
    configfile.write(drop_in, repo_root=tmp_path / "file")
    with pytest.raises(errors.ConfigInvalid) as e:
        Discovery(config.load(host.config)).all()
    assert (e.value.path, e.value.option) == (
        drop_in,
        "[storage] repo_root",
    )


@needs_fuse
def test_repo_root_that_hangs(host, monkeypatch):
    """It is not listed in this process, which would hang with it for ever."""
    with hangfs.Hangfs() as fs:
        real = os.listdir

        def listdir(path):
            assert not str(path).startswith(fs.mount)
            return real(path)

        monkeypatch.setattr(os, "listdir", listdir)
        os.makedirs(os.path.join(fs.root, "mnt", "server:_data"))
        filedomain.make(os.path.join(fs.root, "mnt", "server:_data"), sd_id=A)
        host.configure(repo_root=fs.mount)
        assert found(host) == ([A], [])
        fs.hang("readdir")
        with pytest.raises(errors.StorageTimeout):
            discovery(host).all()
        fs.clear()
        fs.hang("getattr")
        with pytest.raises(errors.StorageTimeout):
            discovery(host).all()
        fs.clear()
        os.rename(os.path.join(fs.root, "mnt"), os.path.join(fs.root, "away"))
        assert found(host) == ([], [])


def test_directory_of_another_uuid_that_cannot_be_looked_at(host):
    """It is no place where a domain of this UUID may be."""
    os.symlink(host.repo, os.path.join(host.mount, B))
    assert discovery(host).places(A) == ([], [])
    (failure,) = discovery(host).places(B)[1]
    assert failure.sd_id == B
    with pytest.raises(errors.DomainNotFound):
        discovery(host).find(A)
    with pytest.raises(errors.MetadataUnreadable):
        discovery(host).find(B)
    with pytest.raises(errors.DomainUnseen):
        discovery(host).find("data1")
