# SPDX-License-Identifier: GPL-2.0-or-later
"""metrics: where it writes what it has measured."""

import errno
import os
import stat

import pytest

from vdsm_backup import errors
from vdsm_backup.cli import measurements, metrics

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"

pytest_plugins = ["tests.support.metric_parts"]


def test_output_is_written_by_a_rename(host, parts, tmp_path):
    host.domain(sd_id=A)
    path = tmp_path / "textfile" / "ours.prom"
    path.parent.mkdir()
    path.write_text("old\n")
    with open(path) as old:
        done = host.run("metrics", "--output", str(path))
        assert old.read() == "old\n"
    assert (done.code, done.out, done.err) == (0, "", "")
    assert measurements.FLAGGED in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(path.parent) == ["ours.prom"]


def test_output_is_written_as_who_has_started_it(
    host, parts, tmp_path, monkeypatch
):
    """The directory of a collector is root's, and not open to user vdsm."""
    done = []
    write = metrics.whole_files.replace

    def replace(*args):
        done.append("written")
        write(*args)

    monkeypatch.setattr(metrics, "become_user", lambda o: done.append("vdsm"))
    again = "become_caller_again"
    monkeypatch.setattr(metrics, again, lambda: done.append("caller"))
    monkeypatch.setattr(metrics.whole_files, "replace", replace)
    host.run("metrics", "--output", str(tmp_path / "ours.prom"))
    assert done == ["vdsm", "caller", "written"]


def test_output_that_cannot_be_written(host, parts, tmp_path):
    path = str(tmp_path / "nowhere" / "ours.prom")
    done = host.json("metrics", "--output", path)
    assert (done.code, done.error) == (1, errors.OutputFailed.code)
    hints = done.json["error"]["hints"]
    assert hints == ["name a file in a directory that exists"]


def test_output_that_is_no_file(host, parts, tmp_path):
    path = tmp_path / "null"
    os.mkfifo(path)
    done = host.run("metrics", "--output", str(path))
    assert (done.code, done.out) == (1, "")
    assert path.is_fifo()
    assert f"error 9629: {path} cannot be written: it is not a reg" in done.err
    assert "hint: name a regular file, or a new one" in done.err


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "make space there: df -h '{0}'; df -i '{0}'"),
        (errno.EROFS, "mount it for writing: findmnt -T '{0}'"),
        (errno.EACCES, "must be able to write: ls -ld '{0}'"),
    ],
)
def test_why_output_cannot_be_written(
    host, parts, tmp_path, monkeypatch, number, hint
):
    """Not each cause is a directory that is missing."""

    def fail(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(metrics.whole_files, "replace", fail)
    directory = str(tmp_path / "a b")
    done = host.json("metrics", "--output", f"{directory}/ours.prom")
    (shown,) = done.json["error"]["hints"]
    assert shown.endswith(hint.format(directory))
