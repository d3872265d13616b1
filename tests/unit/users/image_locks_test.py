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
import struct
import subprocess

import pytest

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
        spawn.command(users.IMAGE_LOCKS, domain_dir),
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
    os.mkfifo(image / VOL2)
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(lock(image / name, 101))
        assert image_locks.image_use(image) == NOBODY


def test_what_is_no_file_is_not_asked(image):
    os.mkfifo(image / VOL2)
    # Both ends: opening one waits for the other.
    with open(image / VOL2, "rb+", buffering=0) as f:
        shared = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 101, 1, 0)
        fcntl.fcntl(f, fcntl.F_OFD_SETLK, shared)
        assert image_locks.image_use(image) == NOBODY


def test_links_are_not_followed(image, tmp_path):
    os.symlink(image / VOL, image / VOL2)
    link = tmp_path / "link"
    os.symlink(image, link)
    with lock(image / VOL, 101):
        found = image_locks.image_use(image)
        assert found["writing"] == [VOL]
        assert list(found["unseen"]) == [VOL2]
        assert list(image_locks.image_use(link)["unseen"]) == [""]


def test_a_socket_cannot_be_opened(image):
    with socket.socket(socket.AF_UNIX) as s:
        at = f"/proc/self/fd/{os.open(image, os.O_PATH)}/{VOL2}"
        s.bind(at)
    assert list(image_locks.image_use(image)["unseen"]) == [VOL2]


def test_an_image_that_is_gone(image):
    assert image_locks.image_use(image.parent / VOL) == NOBODY


def test_a_volume_that_is_gone(image, monkeypatch):
    # Listed, and removed before it is opened.
    monkeypatch.setattr(image_locks, "_uuids", lambda _: [VOL, VOL2])
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
