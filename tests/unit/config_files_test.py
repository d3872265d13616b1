# SPDX-License-Identifier: GPL-2.0-or-later
"""A file or directory of the configuration is there and cannot be used."""

import json
import os

import pytest

from tests.support import programs, rundir
from tests.support.configfixtures import ENFORCING, PERMISSIVE
from tests.support.hooks.needs import AS_VDSM, needs_other_user
from vdsm_backup import config, config_files, errors

pytest_plugins = ["tests.support.configfixtures"]


def load_in_time(path):
    """In a process of its own: a FIFO must not hang the tests."""
    return guard_mode(path, timeout=60)


def guard_mode(path, **options):
    done = programs.run(
        "tests.support.host.ask", "guard_mode", path, **options
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def make_directory(path):
    path.mkdir()


def make_fifo(path):
    os.mkfifo(path)


def make_dangling(path):
    path.symlink_to("nowhere")


def make_link_to_itself(path):
    path.symlink_to(path.name)


def make_latin1(path):
    path.write_bytes(b"[guard]\n# \xe9\n")


def make_huge(path):
    path.write_text(ENFORCING + "#" * config_files.MAX_SIZE)


def make_endless(path):
    path.symlink_to("/dev/zero")


def make_file(path):
    path.write_text(ENFORCING)


UNUSABLE = [
    make_directory,
    make_fifo,
    make_dangling,
    make_link_to_itself,
    make_latin1,
    make_huge,
    make_endless,
]


@pytest.mark.parametrize("make", UNUSABLE)
def test_drop_in_that_cannot_be_read(main, drop_ins, make):
    make(drop_ins / "50.conf")
    named, text = load_in_time(main)
    assert named == str(drop_ins / "50.conf")
    assert named in text and len(text) < 400


@pytest.mark.parametrize("make", UNUSABLE)
def test_main_file_that_cannot_be_read(tmp_path, monkeypatch, make):
    """Also where it need not be there."""
    path = tmp_path / "main"
    make(path)
    monkeypatch.setattr(config, "PATH", str(path))
    assert load_in_time(path)[0] == str(path)
    if make is not make_fifo:
        with pytest.raises(errors.ConfigInvalid):
            config.load()


@pytest.mark.parametrize(
    "make", [make_file, make_fifo, make_dangling, make_link_to_itself]
)
def test_conf_d_that_is_no_directory(main, tmp_path, make):
    make(tmp_path / "conf.d")
    assert load_in_time(main)[0] == str(tmp_path / "conf.d")


@pytest.mark.parametrize("make", [make_file, make_dangling])
def test_directory_of_the_default_file_is_none(tmp_path, monkeypatch, make):
    make(tmp_path / "etc")
    monkeypatch.setattr(config, "PATH", str(tmp_path / "etc" / "main"))
    with pytest.raises(errors.ConfigInvalid) as e:
        config.load()
    assert e.value.path == str(tmp_path / "etc" / "main")


def test_directory_of_the_default_file_may_be_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "PATH", str(tmp_path / "a" / "b" / "main"))
    assert config.load().guard_mode == "enforcing"


def test_the_default_file_may_be_missing_beside_drop_ins(
    tmp_path, drop_ins, monkeypatch
):
    monkeypatch.setattr(config, "PATH", str(tmp_path / "main"))
    (drop_ins / "a.conf").write_text(PERMISSIVE)
    assert config.load().guard_mode == "permissive"


def test_links_are_followed(main, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "text").write_text(ENFORCING)
    (tmp_path / "conf.d").symlink_to("elsewhere")
    (tmp_path / "elsewhere" / "a.conf").symlink_to("text")
    assert config.load(str(main)).guard_mode == "enforcing"


def test_dev_null_is_an_empty_file(drop_ins, main):
    """As systemd masks a file."""
    (drop_ins / "a.conf").symlink_to("/dev/null")
    assert config.load(str(main)).guard_mode == "permissive"
    assert config.load("/dev/null").guard_mode == "enforcing"


def test_other_names_in_conf_d_are_no_drop_ins(drop_ins, main):
    """What editors and rpm leave."""
    for name in ("a.conf.rpmsave", ".a.conf", "a.conf~", "README", "conf"):
        (drop_ins / name).write_text("nonsense")
    (drop_ins / "directory").mkdir()
    assert config.load(str(main)).guard_mode == "permissive"


def test_drop_in_that_is_taken_away_meanwhile(drop_ins, main, monkeypatch):
    monkeypatch.setattr(config_files.os, "listdir", lambda path: ["gone.conf"])
    assert config.load(str(main)).guard_mode == "permissive"


@pytest.mark.parametrize("name", ["a[1]?*.conf", "\udcff.conf", "\n.conf"])
def test_any_name(drop_ins, main, name):
    path = drop_ins / name
    path.write_text(ENFORCING)
    assert config.load(str(main)).guard_mode == "enforcing"
    path.write_text("[x]\n")
    with pytest.raises(errors.ConfigInvalid) as e:
        config.load(str(main))
    assert e.value.path == str(path)


def test_line_ends_of_other_systems(main):
    for end in ("\r\n", "\r"):
        main.write_bytes(PERMISSIVE.replace("\n", end).encode())
        assert config.load(str(main)).guard_mode == "permissive"


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"# a\r\n\t; b\r  \n#c", b"#\x0bx\n", b"\xc2\xa0\n"]
)
def test_what_sets_nothing(main, data):
    main.write_bytes(data)
    assert config.load(str(main)).guard_mode == "enforcing"


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"# a\nmode = permissive\n", "no section .* before line"),
        (b"\xef\xbb\xbf# a\n", "no section .* before line"),
        (b"# a\n# \xff\n", "it is not UTF-8 text at byte 6"),
        (b"# a\n[guard\n", "line 2: no section, as .* is: .guard$"),
    ],
)
def test_what_is_beside_a_comment_counts(main, data, reason):
    main.write_bytes(data)
    with pytest.raises(errors.ConfigInvalid, match=reason):
        config.load(str(main))


@pytest.fixture
def closed():
    """A directory that only root may enter, in one that all may."""
    directory = rundir.make("config")
    os.mkdir(os.path.join(directory, "conf.d"))
    yield directory
    rundir.remove(directory)


def write(path, text):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o644)


def load_as_vdsm(path):
    return guard_mode(path, inside=AS_VDSM)


@needs_other_user
@pytest.mark.parametrize(
    "name, mode",
    [
        ("conf.d", 0o700),
        ("conf.d", 0o711),
        ("conf.d/a.conf", 0o600),
        ("main", 0o600),
        ("", 0o700),
    ],
)
def test_what_vdsm_may_not_read_is_not_ignored(closed, name, mode):
    main = os.path.join(closed, "main")
    drop_in = os.path.join(closed, "conf.d", "a.conf")
    write(main, PERMISSIVE)
    write(drop_in, ENFORCING)
    assert load_as_vdsm(main) == ["enforcing", None]
    path = os.path.join(closed, name) if name else closed
    os.chmod(path, mode)
    named, text = load_as_vdsm(main)
    assert named == (path if name else main)
    assert "Permission denied" in text
    os.chmod(path, 0o755)


@needs_other_user
def test_conf_d_that_may_be_listed_and_not_entered(closed):
    main = os.path.join(closed, "main")
    write(main, PERMISSIVE)
    drop_in = os.path.join(closed, "conf.d", "a.conf")
    write(drop_in, ENFORCING)
    os.chmod(os.path.join(closed, "conf.d"), 0o744)
    assert load_as_vdsm(main)[0] == drop_in
