# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration: which files, and what refuses."""

import json
import os
import subprocess
import sys

import pytest

from tests.support import rundir
from tests.support.hooks.needs import needs_other_user
from tests.support.storage.backends import ROOT
from vdsm_backup import config, errors


def load(tmp_path, text, **drop_ins):
    path = tmp_path / "vdsm-backup.conf"
    path.write_text(text)
    (tmp_path / "conf.d").mkdir(exist_ok=True)
    for name, content in drop_ins.items():
        (tmp_path / "conf.d" / f"{name}.conf").write_text(content)
    return config.load(str(path))


def test_defaults(tmp_path):
    options = load(tmp_path, "")
    assert options.repo_root == "/rhev/data-center"
    assert options.io_timeout == 30
    assert options.lvm_devices == []
    assert options.host_id == 250


def test_ovirt_ids_are_numbers_everywhere(tmp_path):
    options = load(tmp_path, "")
    assert (options.uid, options.gid) == (36, 36)


@pytest.mark.parametrize("text, uid", [("root", 0), ("1234", 1234)])
def test_user(tmp_path, text, uid):
    assert load(tmp_path, f"[storage]\nuser = {text}\n").uid == uid


def test_drop_ins_win_in_sorted_order(tmp_path):
    options = load(
        tmp_path,
        "[sanlock]\nhost_id = 10\nsettle = 1\n",
        b="[sanlock]\nhost_id = 12\n",
        a="[sanlock]\nhost_id = 11\n",
    )
    assert options.host_id == 12
    assert options.settle == 1


def test_list_of_devices(tmp_path):
    options = load(tmp_path, "[lvm]\ndevices = /dev/a, ,/dev/b,\n")
    assert options.lvm_devices == ["/dev/a", "/dev/b"]


@pytest.mark.parametrize("value", ["", "run", "nonsense"])
def test_an_option_that_was_removed_is_no_error(tmp_path, value):
    assert load(tmp_path, f"[guard]\nallow = {value}\n").guard_mode


@pytest.mark.parametrize(
    "text, named",
    [
        ("[storage]\nio_timeout = soon\n", "io_timeout"),
        ("[storage]\nio_timeout = 0\n", "io_timeout"),
        ("[storage]\nio_timeout = nan\n", "io_timeout"),
        ("[storage]\nuser = nobody-here\n", "user"),
        ("[storage]\nuser = 4294967295\n", "user"),
        ("[storage]\nioprocess = maybe\n", "ioprocess"),
        ("[storage]\nrepo_root =\n", "repo_root"),
        ("[sanlock]\nhost_id = 251\n", "host_id"),
        ("[sanlock]\nhost_id = 0\n", "host_id"),
        ("[sanlock]\nhost_id = 1.5\n", "host_id"),
        ("[sanlock]\nid = 1\n", "id"),
        ("[sanlok]\n", "[sanlok]"),
        ("nonsense", "file"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, text, named):
    with pytest.raises(errors.ConfigInvalid) as e:
        load(tmp_path, text)
    assert named in str(e.value)
    assert "\n" not in str(e.value)


def test_a_file_that_was_asked_for_must_exist(tmp_path):
    with pytest.raises(errors.ConfigInvalid):
        config.load(str(tmp_path / "no.conf"))


def test_the_default_file_may_be_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "PATH", str(tmp_path / "no.conf"))
    assert config.load().host_id == 250


def test_percent_is_a_character(tmp_path):
    options = load(tmp_path, "[history]\ndir = /a%b\n")
    assert options.history_dir == "/a%b"


# A file or directory that is there and cannot be used


ENFORCING = "[guard]\nmode = enforcing\n"
PERMISSIVE = "[guard]\nmode = permissive\n"


@pytest.fixture
def main(tmp_path):
    path = tmp_path / "vdsm-backup.conf"
    path.write_text(PERMISSIVE)
    return path


@pytest.fixture
def drop_ins(tmp_path):
    path = tmp_path / "conf.d"
    path.mkdir()
    return path


def load_in_time(path):
    """In a process of its own: a FIFO must not hang the tests."""
    done = subprocess.run(
        [sys.executable, "-c", TELL, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


TELL = """
import json, sys
from vdsm_backup import config, errors
try:
    print(json.dumps([config.load(sys.argv[1]).guard_mode, None]))
except errors.ConfigInvalid as e:
    print(json.dumps([e.path, str(e)]))
"""


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
    path.write_text(ENFORCING + "#" * config.MAX_SIZE)


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
    monkeypatch.setattr(config.os, "listdir", lambda path: ["gone.conf"])
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


AS_VDSM = "setpriv --reuid=36 --regid=36 --clear-groups --".split()


def load_as_vdsm(path):
    done = subprocess.run(
        [*AS_VDSM, sys.executable, "-c", TELL, path],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


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


# The file that a value came from


def named(path):
    with pytest.raises(errors.ConfigInvalid) as e:
        config.load(str(path))
    assert str(e.value).startswith(f"Configuration {e.value.path}, ")
    return os.path.basename(e.value.path)


@pytest.mark.parametrize(
    "text",
    [
        "[guard]\nmode = maybe\n",
        "[guard]\non_unreadable = never\n",
        "[storage]\nio_timeout = soon\n",
        "[storage]\nio_timeout = 0\n",
        "[storage]\nuser = nobody-here\n",
        "[sanlock]\nhost_id = 1.5\n",
        "[storage]\nrepo_root =\n",
        "[storage]\nroot = x\n",
        "[sanlok]\n",
        "[guard]\nmode = permissive\nmode = permissive\n",
        "[DEFAULT]\nmode = permissive\n",
        "[DEFAULT]\n",
        "nonsense",
    ],
)
def test_messages_name_the_file_with_the_value(main, drop_ins, text):
    (drop_ins / "a.conf").write_text("[guard]\nmode = enforcing\n")
    (drop_ins / "b.conf").write_text(text)
    (drop_ins / "c.conf").write_text("[sanlock]\nsettle = 1\n")
    assert named(main) == "b.conf"
    main.write_text(text)
    (drop_ins / "b.conf").unlink()
    if "mode" not in text or "DEFAULT" in text or text.count("mode") > 1:
        assert named(main) == main.name


def test_a_value_that_a_later_file_replaces_is_not_looked_at(main, drop_ins):
    """As ever: the last value wins."""
    main.write_text("[guard]\nmode = maybe\n")
    (drop_ins / "a.conf").write_text(ENFORCING)
    assert config.load(str(main)).guard_mode == "enforcing"


def test_where_an_option_comes_from(main, drop_ins):
    (drop_ins / "a.conf").write_text("[sanlock]\nRun_Dir = /x\n")
    options = config.load(str(main))
    assert options.file_of("sanlock", "run_dir") == str(drop_ins / "a.conf")
    assert options.file_of("guard", "mode") == str(main)
    # Where to set it.
    assert options.file_of("history", "dir") == str(main)
    error = options.invalid("sanlock", "run_dir", "why")
    assert (error.path, error.option) == (
        str(drop_ins / "a.conf"),
        "[sanlock] run_dir",
    )


@pytest.mark.parametrize("text", ["[x\x1b]\n", "x\x1b" * 9000, "[y" * 9000])
def test_messages_are_short_and_harmless(main, text):
    main.write_text(text)
    with pytest.raises(errors.ConfigInvalid) as e:
        config.load(str(main))
    assert "\x1b" not in str(e.value)
    assert len(str(e.value)) < 1000
