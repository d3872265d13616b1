# SPDX-License-Identifier: GPL-2.0-or-later
import os
import stat
import threading

import pytest

from vdsm_backup.processes import regular_files, whole_files

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_content_and_mode(tmp_path):
    path = tmp_path / "file"
    whole_files.replace(str(path), b"one", 0o644)
    whole_files.replace(str(path), b"two", 0o640)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["file"]


def test_a_reader_gets_a_whole_file(tmp_path):
    path = str(tmp_path / "file")
    contents = [letter * 100000 for letter in (b"a", b"b")]
    whole_files.replace(path, contents[1], 0o644)
    done = threading.Event()

    def write():
        for i in range(200):
            whole_files.replace(path, contents[i % 2], 0o644)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        with open(path, "rb") as f:
            assert f.read() in contents
    writer.join()


def _null(path):
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, pytest.param(_null, marks=needs_root)]
)
def test_only_a_regular_file_is_replaced(tmp_path, make):
    """Root would lose /dev/null by it, and so would all programs."""
    path = tmp_path / "file"
    make(path)
    was = path.stat()
    with pytest.raises(OSError) as e:
        whole_files.replace(str(path), b"new", 0o644)
    assert regular_files.why(e.value) == "it is not a regular file"
    assert os.path.samestat(path.stat(), was)
    assert path.stat().st_mode == was.st_mode
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_is_neither_replaced_nor_followed(tmp_path):
    """/dev/stdout is one."""
    other = tmp_path / "other"
    other.write_text("mine")
    path = tmp_path / "file"
    path.symlink_to(other)
    with pytest.raises(OSError) as e:
        whole_files.replace(str(path), b"new", 0o644)
    assert regular_files.why(e.value) == "it is a symbolic link"
    assert (other.read_text(), path.is_symlink()) == ("mine", True)


def test_what_a_killed_run_has_left_does_not_matter(tmp_path):
    (tmp_path / f".file.{os.getpid()}").symlink_to(tmp_path / "elsewhere")
    whole_files.replace(str(tmp_path / "file"), b"new", 0o644)
    assert os.listdir(tmp_path) == ["file"]


def test_a_failure_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "file"
    whole_files.replace(str(path), b"old", 0o644)

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", fail)
    with pytest.raises(OSError):
        whole_files.replace(str(path), b"new", 0o644)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_name_without_a_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole_files.replace("file", b"new", 0o644)
    assert os.listdir(tmp_path) == ["file"]
