# SPDX-License-Identifier: GPL-2.0-or-later
import os
import stat

import pytest

from vdsm_backup.record import Record

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
    with pytest.raises(OSError):
        opened(run_dir)
    assert not (tmp_path / "target").exists()


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
    with pytest.raises(OSError):
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
    assert calls == [f"fsync {SD}.json.new", "rename", "fsync run"]
    del calls[:]
    record.remove()
    assert calls == ["unlink", "fsync run"]
