# SPDX-License-Identifier: GPL-2.0-or-later
"""
The script over a directory, with locks that the tests take themselves.

tests/integration/users_test.py has the locks of a real qemu.
"""

import contextlib
import fcntl
import json
import os
import socket
import stat
import struct
import subprocess

import pytest

from tests.support.hooks.needs import needs_other_user
from tests.support.processes import opens
from vdsm_backup.processes import spawn
from vdsm_backup.users import image_locks, users

IMG = "9b8f5a5e-7a6b-4c5d-8e9f-000000000001"
VOL = "3c1a7a80-1111-4222-8333-000000000001"
VOL2 = "3c1a7a80-1111-4222-8333-000000000002"
NOBODY = {"writing": [], "reading": [], "unseen": {}}


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "images" / IMG
    path.mkdir(parents=True)
    (path / VOL).write_bytes(b"data")
    return path


@contextlib.contextmanager
def lock(path, *offsets):
    with open(path, "rb") as f:
        for offset in offsets:
            shared = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, offset, 1, 0)
            fcntl.fcntl(f, fcntl.F_OFD_SETLK, shared)
        yield


def run(domain_dir):
    out = subprocess.run(
        spawn.command(users.IMAGE_LOCKS, str(domain_dir)),
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    return [json.loads(line) for line in out.splitlines()]


def test_nobody(image):
    assert image_locks.image_use(image) == NOBODY


@pytest.mark.parametrize(
    "offsets, use",
    [
        ([100], "reading"),
        ([101], "writing"),
        ([100, 101], "writing"),
        ([100, 101, 103, 201, 203], "writing"),
        ([99, 102, 103, 200, 201, 203], None),
    ],
)
def test_locks(image, offsets, use):
    with lock(image / VOL, *offsets):
        found = image_locks.image_use(image)
    assert found == ({**NOBODY, use: [VOL]} if use else NOBODY)


def test_no_lock_is_taken(image):
    with lock(image / VOL, 101):
        image_locks.image_use(image)
        with open("/proc/locks") as f:
            held = f.read()
        inode = f":{(image / VOL).stat().st_ino} "
        assert len([x for x in held.splitlines() if inode in x]) == 1


def test_what_is_not_a_volume_is_passed_over(image):
    names = [f"{VOL2}.meta", f"{VOL2}.lease", "x", f"_remove_me_{VOL2}"]
    for name in names:
        (image / name).write_bytes(b"")
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(lock(image / name, 101))
        assert image_locks.image_use(image) == NOBODY


def put_fifo(path):
    os.mkfifo(path)


def put_device(path):
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))


def put_socket(path):
    with socket.socket(socket.AF_UNIX) as s:
        fd = os.open(path.parent, os.O_PATH)
        s.bind(f"/proc/self/fd/{fd}/{path.name}")
        os.close(fd)


def put_directory(path):
    path.mkdir()


@pytest.mark.parametrize(
    "put",
    [
        put_fifo,
        pytest.param(put_device, marks=needs_other_user),
        put_socket,
        put_directory,
    ],
)
def test_what_is_no_file_is_not_opened(image, put):
    put(image / VOL2)
    with opens.watched(image / VOL2) as opened:
        found = image_locks.image_use(image)
        assert not opened()
    assert found["unseen"] == {VOL2: "it is not a regular file"}


def test_links_are_not_followed(image, tmp_path):
    os.symlink(image / VOL, image / VOL2)
    link = tmp_path / "link"
    os.symlink(image, link)
    with lock(image / VOL, 101):
        found = image_locks.image_use(image)
        assert found["writing"] == [VOL]
        assert found["unseen"] == {VOL2: "it is a symbolic link"}
        assert list(image_locks.image_use(link)["unseen"]) == [""]


def test_an_image_that_is_gone(image):
    assert image_locks.image_use(image.parent / VOL) == NOBODY


def test_a_volume_that_is_gone(image, monkeypatch):
    # Listed, and removed before it is opened.
    monkeypatch.setattr(image_locks, "_uuids", lambda *_: [VOL, VOL2])
    with lock(image / VOL, 100):
        assert image_locks.image_use(image) == {**NOBODY, "reading": [VOL]}


def test_an_image_that_is_a_file(image):
    assert image_locks.image_use(image / VOL)["unseen"] == {
        "": "Not a directory"
    }


def test_lines(image, tmp_path):
    (image.parent / "_remove_me").mkdir()
    second = image.parent / VOL
    second.mkdir()
    with lock(image / VOL, 101):
        lines = run(tmp_path)
    assert lines == [
        {"images": 2},
        {"image": VOL, **NOBODY},
        {"image": IMG, **NOBODY, "writing": [VOL]},
        {"end": True},
    ]


def test_no_images_directory(tmp_path):
    reason = "No such file or directory"
    assert run(tmp_path) == [{"failed": reason}, {"end": True}]


@pytest.mark.parametrize("put", [os.symlink, None])
def test_images_that_are_elsewhere(tmp_path, image, put):
    domain = tmp_path / "domain"
    domain.mkdir()
    if put:
        put(tmp_path / "images", domain / "images")
    else:
        os.mkfifo(domain / "images")
    reason = "it is a symbolic link" if put else "Not a directory"
    assert run(domain) == [{"failed": reason}, {"end": True}]


def test_the_directory_of_the_domain_may_be_a_link(tmp_path, image):
    """As that of VDSM's pool is."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    assert run(link)[0] == {"images": 1}


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(image_locks, "MAX_IMAGES", 5)
    monkeypatch.setattr(image_locks, "MAX_VOLUMES", 5)
    monkeypatch.setattr(image_locks, "MAX_UNSEEN", 2)
    monkeypatch.setattr(image_locks, "_MAX_NAMES", 8)


TOO_MANY = "it has too many names to look at all of them"


@pytest.mark.parametrize(
    "names, more",
    [([f"{VOL[:-1]}{n}" for n in range(2, 7)], [f"{VOL[:-1]}7"])]
    + [(["x" * 250 + str(n) for n in range(7)], ["y", "z"])],
    ids=["UUIDs", "any names"],
)
def test_too_many(image, tmp_path, few, capsys, names, more):
    def answer():
        capsys.readouterr()
        image_locks.main([str(tmp_path)])
        lines = capsys.readouterr().out.splitlines()
        return [json.loads(line) for line in lines]

    for name in names[:-1]:
        (image / name).touch()
        (image.parent / name).mkdir()
    assert answer()[0].keys() == {"images"}
    for name in [names[-1], *more]:
        (image / name).touch()
    found = [line for line in answer() if line.get("image") == IMG]
    assert found == [{"image": IMG, **NOBODY, "unseen": {"": TOO_MANY}}]
    for name in [names[-1], *more]:
        (image.parent / name).mkdir()
    assert answer() == [{"failed": TOO_MANY}, {"end": True}]


def test_some_of_many_that_could_not_be_asked_are_named(image, few):
    for n in range(2, 6):
        (image / f"{VOL[:-1]}{n}").symlink_to("x")
    assert len(image_locks.image_use(image)["unseen"]) == 2


def test_many_images(tmp_path):
    count = 10000
    for number in range(count):
        directory = tmp_path / "images" / f"{IMG[:-6]}{number:06}"
        os.makedirs(directory)
        (directory / VOL).touch()
    with lock(directory / VOL, 101):
        lines = run(tmp_path)
    assert lines[0] == {"images": count}
    assert len(lines) == count + 2
    assert [line["image"] for line in lines if line.get("writing")] == [
        directory.name
    ]
