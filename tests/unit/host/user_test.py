# SPDX-License-Identifier: GPL-2.0-or-later
"""The directories of a change, and who can use them."""

import os
import stat

import pytest

from tests.support import configfile, programs, rundir
from tests.support.hooks.needs import needs_other_user
from vdsm_backup import config, errors
from vdsm_backup.host import user
from vdsm_backup.host.user import make_directories

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

UID, GID = 36, 36


@pytest.fixture
def options():
    directory = rundir.make("privileges")
    path = configfile.write(
        os.path.join(directory, "conf"),
        user=UID,
        group=GID,
        run_dir=os.path.join(directory, "a", "run"),
        dir=os.path.join(directory, "b", "history"),
    )
    yield config.load(path)
    rundir.remove(directory)


def owner(path):
    status = os.stat(path)
    return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)


def test_directories_are_the_users(options):
    make_directories(options)
    assert owner(options.run_dir) == (UID, GID, 0o755)
    assert owner(options.history_dir) == (UID, GID, 0o700)
    assert owner(os.path.dirname(options.run_dir))[:2] == (0, 0)
    make_directories(options)


def test_directory_that_is_there_is_left_as_it_is(options):
    os.makedirs(options.run_dir, 0o711)
    make_directories(options)
    assert owner(options.run_dir) == (0, 0, 0o711)


def test_something_else_is_there(options):
    os.makedirs(os.path.dirname(options.run_dir))
    open(options.run_dir, "w").close()
    with pytest.raises(errors.RunDirFailed, match="File exists") as e:
        make_directories(options)
    assert e.value.path == options.run_dir
    (hint,) = e.value.hint_lines()
    assert hint.endswith(f": namei -l {options.run_dir}")


@needs_other_user
def test_tool_and_holder_can_both_use_run_dir(options):
    make_directories(options)
    programs.run("tests.support.host.run_dir_user", options.path, check=True)
    owners = {n: owner(os.path.join(options.run_dir, n)) for n in FILES}
    assert owners == FILES


FILES = {
    "sd.lock": (0, 0, 0o600),
    "sd.json": (0, 0, 0o600),
    "sd.lvs.lock": (UID, GID, 0o600),
    "sd.lvs.json": (UID, GID, 0o600),
}


def test_code_that_the_user_cannot_read(options, monkeypatch):
    """It is no fault of an option, and no option is named."""
    monkeypatch.setattr(os, "access", lambda *args, **more: False)
    with pytest.raises(errors.ConfigInvalid) as e:
        user._require_our_code(options)
    assert str(e.value) == (
        f"This program is not where it can work: user {options.uid} cannot"
        f" read {errors.__file__}; install it where every user can, or start"
        " it from such a directory"
    )
