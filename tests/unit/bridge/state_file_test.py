# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import re
import signal

import pytest

from tests.support import programs
from tests.support.bridge.story import SD, full_state
from tests.support.hooks.needs import needs_other_user
from vdsm_backup import errors
from vdsm_backup.bridge import state_file, state_json
from vdsm_backup.bridge.shapes import Memory
from vdsm_backup.bridge.state import State
from vdsm_backup.bridge.state_file import StateFile
from vdsm_backup.processes import durable_files


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state.json")


@pytest.fixture
def file(path):
    with StateFile(path) as opened:
        yield opened


def test_what_is_saved_is_loaded(file, path):
    file.save(full_state())
    assert file.load() == (full_state(), "")
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_without_an_event(file):
    file.save(State(3))
    assert file.load() == (State(3), "")


def test_nothing_is_there(file):
    assert file.load() == (State(), "there is no state yet")


def test_every_field_is_kept():
    """Nobody may add one to Memory that is not checked here."""
    known = {*state_json._TYPES, *state_json._TEXTS, "edits"}
    assert known == set(Memory._fields)


def broken(change):
    data = json.loads(json.dumps(state_json.to_json(full_state())))
    change(data)
    return json.dumps(data).encode()


def domain(**fields):
    return lambda data: data["domains"][SD].update(fields)


WHOLE = json.dumps(state_json.to_json(full_state())).encode()

BROKEN = {
    "nothing": b"",
    "cut": WHOLE[:-1],
    "zeros": b"\0" * 100,
    "no text": b"\xff\xfe",
    "a list": b"[]",
    "a number": b"1",
    "empty": b"{}",
    "deep": b"[" * 100_000,
    "no number": WHOLE.replace(b'"since": ', b'"since": NaN, "x": '),
    "no finite number": re.sub(b'"since": [0-9.]+', b'"since": 1e999', WHOLE),
    "no time": broken(domain(since=10**400)),
    "time after all": broken(domain(retry_at=253402300800)),
    "time before all": broken(domain(ticked_at=-0.5)),
    "schema": broken(lambda data: data.update(schema=2)),
    "epoch": broken(lambda data: data.update(epoch="1")),
    "epoch is true": broken(lambda data: data.update(epoch=True)),
    "anchor": broken(lambda data: data.update(anchor=[1, 2])),
    "anchor of text": broken(lambda data: data.update(anchor=["1", 2, 3])),
    "domains": broken(lambda data: data.update(domains=[])),
    "no uuid": broken(lambda data: data.update(domains={"../x": {}})),
    "no epoch": broken(lambda data: data.update(domains={SD: {}})),
    "unknown field": broken(domain(colour="red")),
    "box": broken(domain(box=1)),
    "no box": broken(domain(box=None)),
    "flag": broken(domain(flag="maybe")),
    "newest": broken(domain(newest=1.5)),
    "edits": broken(domain(edits=[[1, 2, "x"]])),
    "edit": broken(domain(edits=[["1", 2, "x", True]])),
    "old": broken(domain(old=[1])),
    "on_stamps": broken(domain(on_stamps=[None])),
    "tries": broken(domain(tries=-1)),
    "large": b" " * (state_file._MAX_SIZE + 1),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_set_aside(name, file, path):
    with open(path, "wb") as f:
        f.write(BROKEN[name])
    loaded, note = file.load()
    assert loaded == State()
    assert "broken" in note and f"{path}.broken" in note
    assert note.isprintable()
    with open(f"{path}.broken", "rb") as f:
        assert f.read() == BROKEN[name]
    assert file.load() == (State(), "there is no state yet")
    file.save(full_state())
    assert file.load() == (full_state(), "")


def test_field_of_a_newer_bridge_has_its_default(file, path):
    data = json.loads(json.dumps(state_json.to_json(full_state())))
    del data["domains"][SD]["tries"]
    with open(path, "w") as f:
        json.dump(data, f)
    loaded, note = file.load()
    assert note == ""
    assert loaded.domains[SD] == full_state().domains[SD]._replace(tries=0)


@pytest.mark.parametrize("kind", ["link", "directory", "fifo"])
def test_no_other_thing_is_read(kind, file, path, tmp_path):
    if kind == "link":
        (tmp_path / "elsewhere").write_bytes(b"{}")
        os.symlink(tmp_path / "elsewhere", path)
    elif kind == "directory":
        os.mkdir(path)
    else:
        os.mkfifo(path)
    if kind == "fifo":
        # It is as if the file were empty.
        assert "broken" in file.load()[1]
        return
    with pytest.raises(errors.BridgeState, match="no regular file"):
        file.load()


def test_leftover_of_a_killed_bridge_is_replaced(file, path, tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"mine")
    os.symlink(tmp_path / "elsewhere", f"{path}.new")
    file.save(full_state())
    assert (tmp_path / "elsewhere").read_bytes() == b"mine"
    assert not os.path.islink(path)


@needs_other_user
def test_what_root_writes_belongs_to_who_has_the_directory(path, tmp_path):
    os.chown(tmp_path, 36, 37)
    with StateFile(path) as file:
        file.save(full_state())
        file.save(State(3))
        (tmp_path / "state.json").write_text("broken")
        file.load()
        file.save(State(4))
    names = ["state.json", "state.json.broken", "state.json.lock"]
    assert sorted(os.listdir(tmp_path)) == names
    for name in names:
        found = os.stat(tmp_path / name)
        assert (found.st_uid, found.st_gid) == (36, 37), name
        assert found.st_mode & 0o777 == 0o600, name


@needs_other_user
def test_no_file_that_is_there_is_given_away(path, tmp_path):
    """Who has the directory may have put a name of root's file there."""
    (tmp_path / "of root").write_text("secret")
    for name in (f"{path}.lock", f"{path}.new", path):
        os.link(tmp_path / "of root", name)
    os.chown(tmp_path, 36, 36)
    with StateFile(path) as file:
        file.save(full_state())
    assert os.stat(tmp_path / "of root").st_uid == 0
    assert (tmp_path / "of root").read_text() == "secret"
    assert os.stat(path).st_uid == 36


@needs_other_user
def test_directory_whose_owner_cannot_get_files(path, tmp_path, monkeypatch):
    """As on a file system that has no owners."""

    def fails(fd, user, group):
        raise PermissionError(1, "Operation not permitted")

    os.chown(tmp_path, 36, 36)
    monkeypatch.setattr(durable_files.os, "fchown", fails)
    with pytest.raises(errors.BridgeState, match="not permitted"):
        with StateFile(path):
            pass
    before = os.listdir("/proc/self/fd")
    with pytest.raises(errors.BridgeState, match="not permitted"):
        StateFile(path).save(full_state())
    assert os.listdir("/proc/self/fd") == before
    assert not os.path.exists(path)


def test_lock_is_somebody_elses(path, monkeypatch):
    """The error names it, and how to see whose it is."""
    real = os.open

    def fails(name, *args, **kwargs):
        if name == f"{path}.lock":
            raise PermissionError(13, "Permission denied", name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(state_file.os, "open", fails)
    with pytest.raises(errors.BridgeState, match=r"json\.lock: Perm") as e:
        with StateFile(path):
            pass
    (hint,) = e.value.hint_lines()
    assert hint.endswith(f": ls -la {os.path.dirname(path)}")


def test_directory_is_missing(tmp_path):
    with pytest.raises(errors.BridgeState, match="No such file"):
        with StateFile(str(tmp_path / "no" / "state.json")):
            pass


def test_two_bridges(file, path):
    with pytest.raises(errors.BridgeRuns):
        with StateFile(path):
            pass
    file.save(full_state())


def test_file_is_free_again(path):
    for _ in range(2):
        with StateFile(path) as file:
            file.load()


def test_disk_is_full(file, path, monkeypatch):
    file.save(full_state())

    def fail(fd, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable_files.os, "write", fail)
    with pytest.raises(errors.BridgeState, match="No space left"):
        file.save(State(9))
    monkeypatch.undo()
    assert file.load() == (full_state(), "")


def test_killed_at_any_step(tmp_path):
    done = programs.run("tests.support.bridge.killed_save", tmp_path)
    assert done.returncode == 0, done.stderr
    *told, (_, _, left) = json.loads(done.stdout)
    steps = [call for call, _, _ in told]
    # It was killed at each of these, and not in the last rounds.
    assert {"unlink", "open", "write", "fsync", "close", "rename"} < {*steps}
    assert [status for call, status, _ in told if not call] == [0, 0]
    for call, status, epoch in told:
        if call:
            assert os.WTERMSIG(status) == signal.SIGKILL
            assert epoch in (1, 2)
        else:
            assert epoch == 2
    before = told[: steps.index("rename") + 1]
    assert {epoch for _, _, epoch in before} == {1}
    assert left == ["state.json", "state.json.lock"]
