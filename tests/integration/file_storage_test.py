# SPDX-License-Identifier: GPL-2.0-or-later
"""
File domains on real directories; on a file system that misbehaves:
file_faults_test.py.
"""

import os
import stat
import threading
import time

import pytest

from tests.support.storage import filedomain
from tests.support.storage.filewriting import (
    dom_md,
    flagged_lines,
    no_steps,
    storage_on,
)
from tests.support.waiting import RUNS_OUT
from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.file import GONE, MAX_SIZE


@pytest.mark.parametrize("version", [3, 4, 5])
def test_read_write(mount, backend, version):
    sd_id = filedomain.make(mount, version=version, name="é & \u20ac")
    storage = storage_on(mount, backend, sd_id)
    old = storage.read()
    assert md_lines.parse(old).seal == "valid"
    new = md_lines.flush({**md_lines.parse(old).values, "BACKUP": "True"})
    steps = []
    storage.write(old, new, steps.append)
    assert storage.read() == new
    assert steps.index("commit") < steps.index("confirm")
    assert set(os.listdir(dom_md(mount, sd_id))) <= {
        "metadata",
        "ids",
        "leases",
        "inbox",
        "outbox",
        "xleases",
    }


def test_owner_and_mode_are_kept(mount, backend):
    sd_id = filedomain.make(mount)
    path = filedomain.path(mount, sd_id)
    os.chmod(path, 0o640)
    storage = storage_on(mount, backend, sd_id)
    storage.write(storage.read(), flagged_lines(sd_id), no_steps)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
def test_owner_that_cannot_be_kept_is_refused(mount, backend):
    sd_id = filedomain.make(mount)
    path = filedomain.path(mount, sd_id)
    os.chown(path, 1234, 1234)
    storage = storage_on(mount, backend, sd_id)
    before = storage.read()
    with pytest.raises(errors.WriteFailed) as e:
        storage.write(before, flagged_lines(sd_id), no_steps)
    assert "1234:1234" in str(e.value)
    assert storage.read() == before
    assert not any(
        name.startswith("metadata.new")
        for name in os.listdir(dom_md(mount, sd_id))
    )


def test_somebody_was_first(mount, backend):
    sd_id = filedomain.make(mount)
    storage = storage_on(mount, backend, sd_id)
    with pytest.raises(errors.MetadataChanged):
        storage.write(flagged_lines(sd_id), ["A=1"], no_steps)


def test_leftovers_of_killed_writers_are_removed(mount, backend):
    sd_id = filedomain.make(mount)
    leftover = "metadata.new.host1.123.0123456789abcdef"
    vdsms_own = "metadata.new"
    for name in (leftover, vdsms_own):
        with open(os.path.join(dom_md(mount, sd_id), name), "w") as f:
            f.write("half a lin")
    storage = storage_on(mount, backend, sd_id)
    storage.write(storage.read(), flagged_lines(sd_id), no_steps)
    names = os.listdir(dom_md(mount, sd_id))
    assert leftover not in names
    assert vdsms_own in names


def test_a_stop_before_the_commit_leaves_nothing(mount, backend):
    class Stop(Exception):
        pass

    def stop_at(wanted):
        def step(name):
            if name == wanted:
                raise Stop

        return step

    sd_id = filedomain.make(mount)
    storage = storage_on(mount, backend, sd_id)
    before = storage.read()
    names = sorted(os.listdir(dom_md(mount, sd_id)))
    for step in ("compare", "create", "write", "check", "commit"):
        with pytest.raises(Stop):
            storage.write(before, flagged_lines(sd_id), stop_at(step))
        assert storage.read() == before
        assert sorted(os.listdir(dom_md(mount, sd_id))) == names


def test_padding_is_no_metadata(mount, backend):
    sd_id = filedomain.make(mount)
    data = filedomain.get_bytes(mount, sd_id)
    filedomain.put_bytes(mount, sd_id, data + b"\0" * 512)
    lines = storage_on(mount, backend, sd_id).read()
    assert md_lines.parse(lines).seal == "valid"


def replace_by_link(path):
    os.rename(path, path + ".real")
    os.symlink(path + ".real", path)


def replace_by_directory(path):
    os.unlink(path)
    os.mkdir(path)


def replace_by_fifo(path):
    os.unlink(path)
    os.mkfifo(path)


@pytest.mark.parametrize(
    "replace", [replace_by_link, replace_by_directory, replace_by_fifo]
)
def test_not_a_regular_file(mount, backend, replace):
    sd_id = filedomain.make(mount)
    replace(filedomain.path(mount, sd_id))
    with pytest.raises(errors.NotMetadata) as e:
        storage_on(mount, backend, sd_id).read()
    assert "not a regular file" in str(e.value)


@pytest.mark.parametrize("size", [MAX_SIZE + 1, 64 * 1024**2])
def test_huge(mount, backend, size):
    sd_id = filedomain.make(mount)
    os.truncate(filedomain.path(mount, sd_id), size)
    with pytest.raises(errors.NotMetadata) as e:
        storage_on(mount, backend, sd_id).read()
    assert str(size) in str(e.value)


@pytest.mark.parametrize("size", [MAX_SIZE - 20, MAX_SIZE])
def test_as_large_as_it_may_be(mount, backend, size):
    sd_id = filedomain.make(mount)
    old = storage_on(mount, backend, sd_id).read()
    new = long_lines(sd_id, size)
    storage_on(mount, backend, sd_id).write(old, new, no_steps)
    assert storage_on(mount, backend, sd_id).read() == new
    assert os.path.getsize(filedomain.path(mount, sd_id)) == size


def test_what_would_be_too_large_is_not_written(mount, backend):
    """Another character is more than one byte."""
    sd_id = filedomain.make(mount)
    filedomain.put(mount, sd_id, long_lines(sd_id, MAX_SIZE - 20))
    storage = storage_on(mount, backend, sd_id)
    old = storage.read()
    values = {**md_lines.parse(old).values, "BACKUP_REASON": "\U0001f4be" * 3}
    steps = []
    with pytest.raises(errors.WriteFailed) as e:
        storage.write(old, md_lines.flush(values), steps.append)
    assert (e.value.step, steps) == ("encode", [])
    assert f"{MAX_SIZE} fit" in str(e.value)
    assert storage.read() == old


def long_lines(sd_id, size):
    """Whole metadata whose file has this size in bytes."""
    values = filedomain.metadata(sd_id, X="")
    short = len(encoding.encode_file(md_lines.flush(values)))
    return md_lines.flush({**values, "X": "x" * (size - short)})


def test_binary(mount, backend):
    sd_id = filedomain.make(mount)
    filedomain.put_bytes(mount, sd_id, bytes(range(256)))
    with pytest.raises(errors.NotMetadata):
        storage_on(mount, backend, sd_id).read()


@pytest.mark.parametrize(
    "missing, error, seconds",
    [
        ("metadata", errors.MetadataMissing, RUNS_OUT),
        ("", errors.DomainRefused, GONE),
    ],
)
def test_missing_is_never_unflagged(mount, backend, missing, error, seconds):
    sd_id = filedomain.make(mount)
    path = os.path.join(dom_md(mount, sd_id), missing)
    os.rename(path.rstrip("/"), os.path.join(mount, "away"))
    storage = storage_on(mount, backend, sd_id, timeout=RUNS_OUT)
    started = time.monotonic()
    with pytest.raises(error):
        storage.read()
    assert time.monotonic() - started >= seconds


def test_missing_for_a_moment_is_waited_for(mount, backend):
    sd_id = filedomain.make(mount)
    path = filedomain.path(mount, sd_id)
    os.rename(path, path + ".away")
    timer = threading.Timer(0.5, os.rename, (path + ".away", path))
    timer.start()
    try:
        lines = storage_on(mount, backend, sd_id, timeout=10).read()
    finally:
        timer.join()
    assert md_lines.parse(lines).seal == "valid"


def test_origin_tells_a_copy(mount, backend):
    sd_id = filedomain.make(mount)
    storage = storage_on(mount, backend, sd_id)
    stored = storage.origin()
    assert storage.match_origin(stored) == "same"
    ids = os.path.join(dom_md(mount, sd_id), "ids")
    with open(ids + ".copy", "wb"):
        pass
    os.rename(ids + ".copy", ids)
    assert storage.match_origin(stored) == "copied"


def test_past_the_page_cache(mount, backend, mocker):
    sd_id = filedomain.make(mount)
    storage = storage_on(mount, backend, sd_id)
    read = mocker.spy(fileio.FileIO, "readfile")
    storage.read()
    assert [call.kwargs for call in read.call_args_list] == [{"direct": True}]


def test_temporary_file_is_made_new(mount, backend, mocker):
    """What has its name already, or is a link, is never written into."""
    sd_id = filedomain.make(mount)
    storage = storage_on(mount, backend, sd_id)
    name = "metadata.new.host1.1.0123456789abcdef"
    mocker.patch(
        "vdsm_backup.storage.replacement._temporary_name", return_value=name
    )
    victim = os.path.join(mount, "victim")
    with open(victim, "w") as f:
        f.write("precious")

    def swap(step):
        # When the files of other writers have been taken away.
        if step == "create":
            os.symlink(victim, os.path.join(dom_md(mount, sd_id), name))

    with pytest.raises(errors.WriteFailed) as e:
        storage.write(storage.read(), flagged_lines(sd_id), swap)
    assert "creating the new metadata file" in str(e.value)
    with open(victim) as f:
        assert f.read() == "precious"


@pytest.mark.parametrize("char", ["\x0b", "\x85", "\u2028", "\n", "\ud800"])
def test_a_value_that_would_break_the_seal_is_not_written(
    mount, backend, char
):
    sd_id = filedomain.make(mount)
    storage = storage_on(mount, backend, sd_id)
    before = storage.read()
    values = filedomain.metadata(sd_id, BACKUP_BY=f"a{char}b")
    steps = []
    with pytest.raises(errors.WriteFailed):
        storage.write(before, md_lines.flush(values), steps.append)
    assert steps == []
    assert storage.read() == before


@pytest.mark.parametrize("char", ["\x0b", "\u2028", "\n", "\udcff"])
def test_origin_is_one_line_whatever_the_path(run_dir, backend, char):
    mount = os.path.join(run_dir, f"server:_a{char}b")
    os.mkdir(mount)
    sd_id = filedomain.make(mount)
    if char == "\udcff" and backend == "installed":
        # ioprocess cannot name it: a clear error, not a broken domain.
        with pytest.raises(errors.Error):
            storage_on(mount, backend, sd_id).origin()
        return
    storage = storage_on(mount, backend, sd_id)
    stored = storage.origin()
    values = filedomain.metadata(sd_id, BACKUP_ORIGIN=stored)
    storage.write(storage.read(), md_lines.flush(values), no_steps)
    assert md_lines.parse(storage.read()).seal == "valid"
    assert storage.match_origin(stored) == "same"


@pytest.mark.parametrize("left", ["nothing", "garbage"])
def test_restoring_where_nothing_is_left(mount, backend, left):
    sd_id = filedomain.make(mount)
    path = filedomain.path(mount, sd_id)
    os.unlink(path)
    if left == "garbage":
        filedomain.put_bytes(mount, sd_id, b"\xff\xfe")
    storage = storage_on(mount, backend, sd_id)
    storage.write(None, flagged_lines(sd_id), no_steps)
    assert storage.read() == flagged_lines(sd_id)


def test_restoring_where_somebody_was_first(mount, backend):
    sd_id = filedomain.make(mount)
    storage = storage_on(mount, backend, sd_id)
    before = storage.read()
    with pytest.raises(errors.MetadataChanged):
        storage.write(None, flagged_lines(sd_id), no_steps)
    assert storage.read() == before
