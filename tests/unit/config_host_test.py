# SPDX-License-Identifier: GPL-2.0-or-later
"""
The configuration of the host itself: which drop-ins count, and whose they are.
"""

import os

import pytest

from tests.support.configfixtures import ENFORCING, PERMISSIVE
from vdsm_backup import config, config_files, errors

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="the files of a host are root's"
)

NAMES = ("etc", "run", "usr")


@pytest.fixture
def host(tmp_path, monkeypatch):
    """
    The three directories as they are before anything is installed: there, and
    empty. Returns a function: (directory, name, text) -> path of a new file.
    """
    main = tmp_path / "etc" / "vdsm-backup.conf"
    places = {name: tmp_path / name / "conf.d" for name in NAMES}
    for place in places.values():
        place.mkdir(parents=True)
    monkeypatch.setattr(config, "PATH", str(main))
    monkeypatch.setattr(config_files, "RUN_DROP_INS", str(places["run"]))
    monkeypatch.setattr(config_files, "PACKAGE_DROP_INS", str(places["usr"]))

    def write(directory, name, text):
        path = main if directory == "main" else places[directory] / name
        path.write_text(text)
        return path

    return write


def settle(value):
    return f"[sanlock]\nsettle = {value}\n"


def test_the_last_name_wins_whatever_its_directory(host):
    host("main", "", settle(1))
    host("usr", "30.conf", settle(4))
    host("run", "20.conf", settle(3))
    host("etc", "10.conf", settle(2))
    options = config.load()
    assert options.settle == 4
    files = [f for *_, f in options.texts() if f]
    assert [os.path.basename(f) for f in files] == ["30.conf"]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_one_name_is_read_from_one_directory(host, count):
    """/etc hides /run, and /run hides /usr/lib."""
    for number, name in enumerate(NAMES[-count:]):
        host(name, "50.conf", settle(number))
    assert config.load().settle == 0


def test_what_is_hidden_is_not_merged(host):
    host("usr", "50.conf", settle(9) + PERMISSIVE)
    host("etc", "50.conf", settle(5))
    options = config.load()
    assert (options.settle, options.guard_mode) == (5, "enforcing")


def test_a_file_of_a_package_is_masked(host):
    path = host("usr", "50.conf", PERMISSIVE)
    assert config.load().guard_mode == "permissive"
    os.symlink("/dev/null", host("etc", "x", "").with_name("50.conf"))
    assert config.load().guard_mode == "enforcing"
    path.write_text("nonsense")
    assert config.load().guard_mode == "enforcing"


def test_another_main_file_never_sees_the_hosts_drop_ins(host, tmp_path):
    host("usr", "50.conf", PERMISSIVE)
    host("run", "60.conf", "nonsense")
    path = tmp_path / "other.conf"
    path.write_text(settle(8))
    options = config.load(str(path))
    assert (options.settle, options.guard_mode) == (8, "enforcing")


def give_away(path):
    os.chown(path, 36, 36)


def open_to_group(path):
    os.chmod(path, 0o775)


def open_to_all(path):
    os.chmod(path, 0o757)


SPOILED = [give_away, open_to_group, open_to_all]


def refused():
    with pytest.raises(errors.ConfigInvalid) as e:
        config.load()
    return e.value


@pytest.mark.parametrize("spoil", SPOILED)
@pytest.mark.parametrize("where", [*NAMES, "main"])
def test_a_file_that_is_not_roots_alone(host, where, spoil):
    """Whoever may write it could switch the guard off."""
    path = host(where, "50.conf", ENFORCING)
    assert config.load().guard_mode == "enforcing"
    spoil(path)
    error = refused()
    assert error.path == str(path)
    assert "root" in error.reason


@pytest.mark.parametrize("spoil", SPOILED)
@pytest.mark.parametrize("where", NAMES)
def test_a_directory_that_is_not_roots_alone(host, where, spoil):
    """Also an empty one: a file could come at any moment."""
    directory = host(where, "x", "").parent
    spoil(directory)
    error = refused()
    assert error.path == str(directory)
    assert "root" in error.reason


@pytest.mark.parametrize("spoil", SPOILED)
def test_the_directory_of_the_main_file(host, spoil):
    path = host("main", "", ENFORCING)
    spoil(path.parent)
    assert refused().path == str(path.parent)


@pytest.mark.parametrize("spoil", SPOILED)
def test_a_link_to_a_file_of_somebody_else(host, tmp_path, spoil):
    target = tmp_path / "text"
    target.write_text(PERMISSIVE)
    spoil(target)
    link = host("etc", "x", "").with_name("50.conf")
    link.symlink_to(target)
    assert refused().path == str(link)


@pytest.mark.parametrize("spoil", SPOILED)
def test_another_main_file_may_be_anybodys(tmp_path, spoil):
    path = tmp_path / "other.conf"
    path.write_text(PERMISSIVE)
    (tmp_path / "conf.d").mkdir()
    drop_in = tmp_path / "conf.d" / "a.conf"
    drop_in.write_text(settle(6))
    for spoiled in (path, drop_in, drop_in.parent):
        spoil(spoiled)
    options = config.load(str(path))
    assert (options.settle, options.guard_mode) == (6, "permissive")
