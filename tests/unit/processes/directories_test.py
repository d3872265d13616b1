# SPDX-License-Identifier: GPL-2.0-or-later
"""Directories have the modes that are meant, whatever the umask is."""

import os
import stat

import pytest

from tests.support import programs, rundir
from tests.support.hooks.needs import AS_VDSM, needs_other_user
from tests.support.world import SD, make
from vdsm_backup import errors
from vdsm_backup.change import history
from vdsm_backup.processes import directories
from vdsm_backup.processes.records import Record


@pytest.fixture(params=[0, 0o022, 0o027, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_make(tmp_path, umask):
    directories.make(str(tmp_path / "a" / "b" / "c"), 0o700)
    found = [mode(tmp_path / name) for name in ("a", "a/b", "a/b/c")]
    assert found == [0o755, 0o755, 0o700]


def test_what_is_there_stays_as_it_is(tmp_path, umask):
    for name in ("a", "a/b"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o711)
    (tmp_path / "link").symlink_to("a")
    directories.make(str(tmp_path / "link" / "b"), 0o755)
    directories.make(str(tmp_path / "link"), 0o755)
    assert [mode(tmp_path / name) for name in ("a", "a/b")] == [0o711] * 2


def test_relative(tmp_path, monkeypatch, umask):
    monkeypatch.chdir(tmp_path)
    directories.make("a/b", 0o750)
    assert [mode("a"), mode("a/b")] == [0o755, 0o750]


@pytest.mark.parametrize("path", ["a/b/", "a//b///", "./a/./b", "a/x/../b"])
def test_as_somebody_may_write_it(tmp_path, monkeypatch, umask, path):
    monkeypatch.chdir(tmp_path)
    for prefix in ("", f"{tmp_path}/"):
        directories.make(prefix + path, 0o700)
    assert [mode("a"), mode("a/b")] == [0o755, 0o700]


def test_what_is_beside_the_target_of_a_link(tmp_path, umask):
    (tmp_path / "elsewhere" / "a").mkdir(parents=True)
    (tmp_path / "link").symlink_to("elsewhere/a")
    path = str(tmp_path / "link" / ".." / "b" / "c")
    directories.make(path, 0o700)
    assert mode(path) == 0o700
    assert mode(tmp_path / "elsewhere" / "b") == 0o755


@pytest.mark.parametrize("name", ["file", "file/a", "file/a/b", "dangling"])
def test_something_else_is_there(tmp_path, name):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(OSError):
        directories.make(str(tmp_path / name), 0o755)
    assert sorted(os.listdir(tmp_path)) == ["dangling", "file"]


def test_history_without_root(tmp_path, umask):
    """As VDSM keeps it, whose umask is its own."""
    top = tmp_path / "a" / "b" / "history"
    history.History(str(top)).keep(make(), ["A=1"], "me", "set")
    assert [mode(path) for path in (top.parents[1], top.parents[0])] == [
        0o755,
        0o755,
    ]
    assert [mode(top), mode(top / SD)] == [0o700, 0o700]
    assert mode(top / SD / "000001.json") == 0o600


def test_run_dir_without_root(tmp_path, umask):
    run_dir = tmp_path / "a" / "run"
    record = Record(str(run_dir), "sd")
    record.open()
    record.write(["x"])
    record.close()
    assert [mode(run_dir.parent), mode(run_dir)] == [0o755, 0o700]
    assert {mode(path) for path in run_dir.iterdir()} == {0o600}


@needs_other_user
def test_what_keeps_a_user_from_a_path():
    directory = rundir.make("directories")
    os.makedirs(f"{directory}/a/b/c")

    def why(path):
        done = programs.run(
            *("tests.support.host.ask", "why_denied", f"{directory}/{path}"),
            inside=AS_VDSM,
            check=True,
        )
        return done.stdout.strip().replace(directory, "")

    assert why("a/b/c") == "denied"
    assert why("a/x/y") == "denied"
    os.chmod(f"{directory}/a/b/c", 0o700)
    assert why("a/b/c") == "denied"
    assert why("a/b/c/d/e") == "denied: user 36 may not enter /a/b/c"
    os.chmod(f"{directory}/a", 0o750)
    assert why("a/b/c/d/e") == "denied: user 36 may not enter /a"
    rundir.remove(directory)


def test_a_history_that_is_closed_in_itself(tmp_path, mocker):
    """Nothing above it keeps us away."""
    denied = PermissionError(13, "Permission denied")
    mocker.patch("vdsm_backup.change.history.os.listdir", side_effect=denied)
    with pytest.raises(errors.HistoryFailed) as e:
        history.History(str(tmp_path)).numbers(SD)
    assert e.value.reason == "Permission denied"
