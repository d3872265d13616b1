# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import signal
import stat
import threading

import pytest

from tests.support import programs
from tests.support.world import SD, make
from vdsm_backup import errors
from vdsm_backup.change.history import History


@pytest.fixture
def history(tmp_path):
    return History(str(tmp_path / "history"))


def test_no_copies(history):
    assert history.numbers(SD) == []
    with pytest.raises(errors.HistoryNotFound) as e:
        history.get(SD, 7)
    assert "7" in str(e.value)


def test_keep_and_get(history):
    lines = ["A=1", "B=\ud800 \u2028 é"]
    kept = history.keep(make(), lines, "admin@host1", "set")
    copy = history.get(SD, kept.number)
    assert copy == kept
    assert (copy.lines, copy.by, copy.action) == (lines, "admin@host1", "set")
    assert history.numbers(SD) == [1]


def test_private(history, tmp_path):
    history.keep(make(), ["A=1"], "me", "set")
    for directory, _, names in os.walk(tmp_path / "history"):
        assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
        for name in names:
            mode = os.stat(os.path.join(directory, name)).st_mode
            assert stat.S_IMODE(mode) == 0o600


def test_numbers_go_on_and_nothing_else_is_left(history, tmp_path):
    for _ in range(3):
        history.keep(make(), ["A=1"], "me", "set")
    assert history.numbers(SD) == [1, 2, 3]
    names = sorted(os.listdir(tmp_path / "history" / SD))
    assert names == ["000001.json", "000002.json", "000003.json"]


def test_two_at_once_keep_both(history):
    def keep(text):
        for _ in range(20):
            history.keep(make(), [text], "me", "set")

    threads = [threading.Thread(target=keep, args=(t,)) for t in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [history.get(SD, n).lines[0] for n in history.numbers(SD)]
    assert sorted(kept) == ["a"] * 20 + ["b"] * 20


def test_storage_may_keep_more(history, tmp_path):
    class More(type(make())):
        def save_extra(self, path):
            with open(path, "x") as f:
                f.write("more")
            return True

    history.keep(More(SD, []), ["A=1"], "me", "set")
    extra = tmp_path / "history" / SD / "000001.extra"
    assert extra.read_text() == "more"


def test_extra_that_fails_is_an_error(history):
    storage = make()

    def fail(path):
        raise errors.LvmFailed("vgcfgbackup", 5, "no")

    storage.save_extra = fail
    with pytest.raises(errors.LvmFailed):
        history.keep(storage, ["A=1"], "me", "set")


def test_on_disk_before_the_change_begins(history, tmp_path, mocker):
    synced = []

    def fsync(fd):
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))

    mocker.patch("vdsm_backup.change.history.os.fsync", side_effect=fsync)
    history.keep(make(), ["A=1"], "me", "set")
    top = tmp_path / "history"
    assert str(top) in synced
    assert str(top / SD) in synced
    assert any(path.startswith(f"{top / SD}/") for path in synced)


def damaged(history, tmp_path, text):
    (tmp_path / "history" / SD / "000001.json").write_text(text)
    with pytest.raises(errors.HistoryFailed) as e:
        history.get(SD, 1)
    assert "damaged" in str(e.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}', "1"])
def test_damaged_copy_is_told(history, tmp_path, text):
    history.keep(make(), ["A=1"], "me", "set")
    damaged(history, tmp_path, text)


@pytest.mark.parametrize(
    "key, value",
    [
        ("lines", None),
        ("lines", [1]),
        ("lines", "A=1"),
        ("time", 5),
        ("reason", 5),
        ("result", ["done"]),
        ("after", "True"),
        ("after", 1),
        ("code", "982"),
        ("code", True),
    ],
)
def test_damaged_value_of_a_copy_is_told(history, tmp_path, key, value):
    copy = history.keep(make(), ["A=1"], "me", "set")
    data = {"schema": 2, **copy._asdict(), key: value}
    damaged(history, tmp_path, json.dumps(data))


def test_no_directory_no_copy(tmp_path):
    (tmp_path / "file").write_text("")
    history = History(str(tmp_path / "file"))
    with pytest.raises(errors.HistoryFailed) as e:
        history.keep(make(), ["A=1"], "me", "set")
    assert str(tmp_path / "file") in str(e.value)


def test_full_disk_is_told_and_leaves_nothing(history, mocker, tmp_path):
    full = OSError(28, "No space left on device")
    mocker.patch("vdsm_backup.change.history.os.fsync", side_effect=full)
    with pytest.raises(errors.HistoryFailed) as e:
        history.keep(make(), ["A=1"], "me", "set")
    assert "No space" in str(e.value)
    assert history.numbers(SD) == []
    assert os.listdir(tmp_path / "history" / SD) == []


# How the change has ended


def test_until_it_has_ended_it_is_unknown(history):
    history.keep(make(), ["A=1"], "me", "set", "why", "command")
    copy = history.get(SD, 1)
    assert (copy.reason, copy.via) == ("why", "command")
    assert (copy.result, copy.after, copy.code) == ("unknown", None, None)


def test_how_it_has_ended(history, tmp_path):
    copy = history.keep(make(), ["A=1"], "me", "set", "why", "command")
    history.keep(make(), ["A=1"], "me", "set", "why", "command")
    history.conclude(copy, "undone", False, 989)
    found = history.get(SD, 1)
    assert (found.result, found.after, found.code) == ("undone", False, 989)
    assert found == copy._replace(result="undone", after=False, code=989)
    assert history.get(SD, 2).result == "unknown"
    path = tmp_path / "history" / SD
    assert sorted(os.listdir(path)) == ["000001.json", "000002.json"]
    assert stat.S_IMODE(os.stat(path / "000001.json").st_mode) == 0o600


def test_an_end_that_is_written_when_a_signal_comes(history, mocker):
    """The record is there then, and the signal is not taken for a fault."""
    copy = history.keep(make(), ["A=1"], "me", "set")
    rename = os.rename

    def interrupted(*args):
        rename(*args)
        raise KeyboardInterrupt

    mocker.patch("vdsm_backup.change.history.os.rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        history.conclude(copy, "done", True, None)
    assert history.get(SD, 1).result == "done"


def test_an_end_that_cannot_be_written(history, mocker, tmp_path):
    copy = history.keep(make(), ["A=1"], "me", "set")
    full = OSError(28, "No space left on device")
    mocker.patch("vdsm_backup.change.history.os.rename", side_effect=full)
    with pytest.raises(errors.HistoryFailed, match="No space"):
        history.conclude(copy, "done", True, None)
    mocker.stopall()
    mocker.patch("vdsm_backup.change.history.os.fsync", side_effect=full)
    with pytest.raises(errors.HistoryFailed, match="No space"):
        history.conclude(copy, "done", True, None)
    assert history.get(SD, 1) == copy
    assert os.listdir(tmp_path / "history" / SD) == ["000001.json"]


def test_schema_1_is_read(history, tmp_path):
    path = tmp_path / "history" / SD / "000001.json"
    copy = history.keep(make(), ["A=1"], "admin@host1", "clear")
    data = json.loads(path.read_text())
    for key in ("reason", "via", "result", "after", "code"):
        del data[key]
    old = json.dumps({**data, "schema": 1})
    path.write_text(old)
    found = history.get(SD, 1)
    assert found == copy._replace(result=None)
    assert history.export(SD, 1) == old
    # It has no keys of another schema, and schema 2 has all of them.
    for text in (
        json.dumps({**data, "schema": 1, "reason": "x"}),
        json.dumps({**data, "schema": 2}),
        json.dumps({**data, "schema": 3}),
    ):
        damaged(history, tmp_path, text)


KILLED_AT = [
    "keep fsync 1",
    "keep link 1",
    "keep unlink 1",
    "keep fsync 2",
    "conclude fsync 1",
    "conclude rename 1",
    "conclude fsync 2",
]


@pytest.mark.parametrize("moment", KILLED_AT)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_point(history, tmp_path, moment, when):
    """What is there is a whole record, or nothing if nothing was changed."""
    step, call, number = moment.split()
    directory = str(tmp_path / "history")
    done = programs.run(
        "tests.support.storage.killed_keeping",
        *(directory, step, call, number, when),
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    copies, failed = history.all(SD)
    assert failed == []
    if step == "keep":
        assert all(copy.result == "unknown" for copy in copies)
        # A copy that nobody has been told of may be there, and whole.
        assert len(copies) <= 1
    else:
        (copy,) = copies
        # The directory is synced when the new file has the name.
        ended = (call, number) == ("fsync", "2")
        ended = ended or (call, when) == ("rename", "after")
        assert copy.result == ("done" if ended else "unknown")
        assert copy.lines == ["A=1"]
    # The next change is not disturbed by what is left.
    kept = history.keep(make(), ["B=1"], "me", "set")
    assert history.get(SD, kept.number).lines == ["B=1"]
