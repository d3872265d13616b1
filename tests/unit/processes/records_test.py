# SPDX-License-Identifier: GPL-2.0-or-later
import os
import stat

import pytest

from vdsm_backup import errors
from vdsm_backup.processes.records import Record

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
JOIN = {"host_id": 250, "generation": 3}


@pytest.fixture
def run_dir(tmp_path):
    return str(tmp_path / "run")


def opened(run_dir, sd_id=SD):
    record = Record(run_dir, sd_id)
    record.open()
    return record


def test_one_has_the_lock(run_dir):
    first, second = opened(run_dir), opened(run_dir)
    assert first.lock()
    assert not second.lock()
    assert second.locker() == str(os.getpid())
    assert opened(run_dir, SD.replace("0", "1")).lock()


def test_pid_of_an_earlier_one_is_not_mixed_in(run_dir):
    record = opened(run_dir)
    with open(os.path.join(run_dir, f"{SD}.lock"), "w") as f:
        f.write("1234567890123")
    assert record.lock()
    assert record.locker() == str(os.getpid())


def test_run_dir_is_for_us_alone(run_dir):
    opened(run_dir)
    assert stat.S_IMODE(os.stat(run_dir).st_mode) == 0o700


def test_lock_is_no_symlink(run_dir, tmp_path):
    os.mkdir(run_dir)
    os.symlink(tmp_path / "target", os.path.join(run_dir, f"{SD}.lock"))
    with pytest.raises(errors.SanlockFailed):
        opened(run_dir)
    assert not (tmp_path / "target").exists()


def test_lock_is_no_other_file(run_dir, tmp_path):
    """The directory is a user's, and root writes into the lock."""
    os.mkdir(run_dir)
    (tmp_path / "target").write_text("precious")
    os.link(tmp_path / "target", os.path.join(run_dir, f"{SD}.lock"))
    with pytest.raises(errors.SanlockFailed, match="no file of its own"):
        opened(run_dir).lock()
    assert (tmp_path / "target").read_text() == "precious"


@pytest.mark.parametrize("suffix", [".json", ".json.new"])
def test_record_is_no_symlink(run_dir, tmp_path, suffix):
    record = opened(run_dir)
    (tmp_path / "target").write_text("[1]")
    os.symlink(tmp_path / "target", os.path.join(run_dir, f"{SD}{suffix}"))
    if suffix == ".json":
        with pytest.raises(errors.SanlockFailed):
            record.read()
    record.write(JOIN)
    assert record.read() == JOIN
    assert (tmp_path / "target").read_text() == "[1]"


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"host_id": 2', b"\xff", b"\0" * 99, b"[" * 9999]
)
def test_record_that_is_damaged(run_dir, content):
    record = opened(run_dir)
    with open(os.path.join(run_dir, f"{SD}.json"), "wb") as f:
        f.write(content)
    assert record.exists() and record.readable()
    assert record.read() is None


@pytest.mark.parametrize("call", ["open", "write", "read", "remove"])
def test_run_dir_that_cannot_be_used(run_dir, call):
    with open(run_dir, "w"):
        pass
    with pytest.raises(errors.RunDirFailed) as e:
        getattr(Record(run_dir, SD), call)(*[JOIN] * (call == "write"))
    assert e.value.path == run_dir


def test_close_releases_the_lock(run_dir):
    first, second = opened(run_dir), opened(run_dir)
    assert first.lock()
    first.close()
    first.close()
    assert second.lock()


def test_until_locked_tells_who_has_the_lock(run_dir):
    first, second = opened(run_dir), Record(run_dir, SD)
    assert first.lock()
    tries = second.until_locked()
    owner = f"another vdsm-backup-domain on this host (pid {os.getpid()})"
    assert [next(tries), next(tries)] == [owner, owner]
    first.close()
    assert list(tries) == []
    assert not opened(run_dir).lock()


def test_lock_before_open(run_dir):
    with pytest.raises(ValueError):
        Record(run_dir, SD).lock()


def test_write_read_remove(run_dir):
    record = opened(run_dir)
    assert record.read() is None
    record.write(JOIN)
    assert opened(run_dir).read() == JOIN
    record.remove()
    assert record.read() is None
    record.remove()
    # Who waits for the lock must wait for the one that the next one takes.
    assert os.listdir(run_dir) == [f"{SD}.lock"]


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_write_that_fails_leaves_the_old_one(run_dir, monkeypatch, step):
    record = opened(run_dir)
    record.write(JOIN)

    def fail(*args):
        raise OSError("no")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(errors.SanlockFailed, match="no"):
        record.write({"host_id": 1, "generation": 1})
    assert record.read() == JOIN


def test_write_is_durable_before_it_returns(run_dir, monkeypatch):
    record = opened(run_dir)
    calls = []

    def spy(name, real):
        def call(*args):
            if name == "fsync":
                path = os.readlink(f"/proc/self/fd/{args[0]}")
                calls.append(f"fsync {os.path.basename(path)}")
            else:
                calls.append(name)
            real(*args)

        monkeypatch.setattr(os, name, call)

    spy("fsync", os.fsync)
    spy("rename", os.rename)
    spy("unlink", os.unlink)
    record.write(JOIN)
    assert calls == ["unlink", f"fsync {SD}.json.new", "rename", "fsync run"]
    del calls[:]
    record.remove()
    assert calls == ["unlink", "fsync run"]


def test_who_runs_is_told_without_a_lock(run_dir):
    assert Record(run_dir, SD).running() is None
    assert not os.path.exists(run_dir)
    first = opened(run_dir)
    assert Record(run_dir, SD).running() is None
    assert first.lock()
    assert Record(run_dir, SD).running() == os.getpid()
    first.close()
    # The pid is another process's now, or ours that does something else.
    assert Record(run_dir, SD).running() is None
    with open(os.path.join(run_dir, f"{SD}.lock")) as f:
        assert f.read() == str(os.getpid())


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "99999999999999999999"])
def test_nobody_runs_with_a_strange_pid(run_dir, text):
    opened(run_dir).close()
    with open(os.path.join(run_dir, f"{SD}.lock"), "w") as f:
        f.write(text)
    assert Record(run_dir, SD).running() is None


def test_link_tells_of_nobody(run_dir, tmp_path):
    os.mkdir(run_dir)
    (tmp_path / "target").write_text(str(os.getpid()))
    os.symlink(tmp_path / "target", os.path.join(run_dir, f"{SD}.lock"))
    with pytest.raises(errors.SanlockFailed):
        Record(run_dir, SD).running()


def test_locker_that_is_no_text(run_dir):
    opened(run_dir)
    with open(os.path.join(run_dir, f"{SD}.lock"), "wb") as f:
        f.write(b"\xff\n")
    assert opened(run_dir).locker() == "\\xff\n"
