# SPDX-License-Identifier: GPL-2.0-or-later
"""The options: their values, and the file that a value came from."""

import os

import pytest

from tests.support.configfixtures import ENFORCING
from vdsm_backup import config, errors

pytest_plugins = ["tests.support.configfixtures"]


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


def test_every_option_is_read():
    """A default that no attribute comes from would be set in vain."""
    read = set()

    class Values(dict):
        def __getitem__(self, key):
            read.add(key)
            return super().__getitem__(key)

    values = Values(
        ((section, option), default)
        for section, options in config.DEFAULTS.items()
        for option, default in options.items()
    )
    config.Config("path", values, {})
    assert read == set(values)


def test_choices_are_of_options_that_exist():
    for (section, option), choices in config.CHOICES.items():
        assert config.DEFAULTS[section][option] in choices


def test_ovirt_ids_are_numbers_everywhere(tmp_path):
    options = load(tmp_path, "")
    assert (options.uid, options.gid) == (36, 36)


@pytest.mark.parametrize("text, uid", [("root", 0), ("1234", 1234)])
def test_user(tmp_path, text, uid):
    assert load(tmp_path, f"[storage]\nuser = {text}\n").uid == uid


@pytest.mark.parametrize(
    "command, number, needed",
    [
        ("vdsm-backup-domain list", 65534, True),
        # The user of storage runs LVM by sudo.
        ("vdsm-backup-domain list", 36, False),
        # A hook, or root.
        ("", 65534, False),
        ("", 0, False),
    ],
)
def test_who_needs_root(tmp_path, monkeypatch, command, number, needed):
    options = load(tmp_path, "")
    options.command = command
    monkeypatch.setattr(os, "getuid", lambda: number)
    assert isinstance(options.needs_root, errors.NeedsRoot) is needed
    if needed:
        assert str(options.needs_root).endswith(f": sudo {command}")


def test_drop_ins_win_in_sorted_order(tmp_path):
    options = load(
        tmp_path,
        "[sanlock]\nhost_id = 10\nsettle = 1\n",
        b="[sanlock]\nhost_id = 12\n",
        a="[sanlock]\nhost_id = 11\n",
    )
    assert options.host_id == 12
    assert options.settle == 1


def test_comment_behind_a_section(tmp_path):
    text = "[guard]  # as long as we try it\nmode = permissive\n"
    assert load(tmp_path, text).guard_mode == "permissive"


def test_list_of_devices(tmp_path):
    options = load(tmp_path, "[lvm]\ndevices = /dev/a, ,/dev/b,\n")
    assert options.lvm_devices == ["/dev/a", "/dev/b"]


@pytest.mark.parametrize("section, option", config.REMOVED)
@pytest.mark.parametrize("value", ["", "run", "filter", "nonsense"])
def test_an_option_that_was_removed_is_no_error(
    tmp_path, section, option, value
):
    options = load(tmp_path, f"[{section}]\n{option} = {value}\n")
    assert options.removed == [(section, option)]
    assert load(tmp_path, "").removed == []


@pytest.mark.parametrize(
    "text, named",
    [
        ("[storage]\nio_timeout = soon\n", "io_timeout"),
        ("[storage]\nio_timeout = 0\n", "io_timeout"),
        ("[storage]\nio_timeout = nan\n", "io_timeout"),
        ("[storage]\nuser = nobody-here\n", "user"),
        ("[storage]\nuser = 4294967295\n", "user"),
        ("[storage]\nioprocess = maybe\n", "ioprocess"),
        ("[bridge]\nallow = set, restore\n", "allow"),
        ("[bridge]\ndomains = backups-nfs\n", "domains"),
        ("[storage]\nrepo_root =\n", "repo_root"),
        ("[sanlock]\nhost_id = 251\n", "host_id"),
        ("[sanlock]\nhost_id = 0\n", "host_id"),
        ("[sanlock]\nhost_id = 1.5\n", "host_id"),
        (
            "[sanlock]\nid = 1\n",
            "conf: unknown option [sanlock] id (known: host_id, timeout,"
            " settle, run_dir)",
        ),
        (
            "[sanlok]\n",
            "conf: unknown section [sanlok] (known: storage, lvm, sanlock,"
            " guard, history, vdsm, bridge)",
        ),
        ("nonsense", "conf: no section [..] before line 1"),
        (
            "[lvm]\nx\n",
            "conf: line 2: neither a section nor OPTION = VALUE: 'x\\n'",
        ),
        ("[lvm]\n[lvm]\n", "conf: line 2: section [lvm] begins once more"),
        (
            "[guard]\nmode = enforcing\nmode = disabled\n",
            "conf: line 3: [guard] mode is set once more",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, text, named):
    with pytest.raises(errors.ConfigInvalid) as e:
        load(tmp_path, text)
    assert named in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    "section, option",
    [
        ("storage", "repo_root"),
        ("lvm", "lv_dir"),
        ("sanlock", "run_dir"),
        ("guard", "permits"),
        ("history", "dir"),
    ],
)
def test_a_path_is_absolute(tmp_path, section, option):
    """A relative one would be another directory for each caller."""
    for value in ("data-center", "./a", "~/a"):
        with pytest.raises(errors.ConfigInvalid) as e:
            load(tmp_path, f"[{section}]\n{option} = {value}\n")
        assert f"[{section}] {option}: '{value}' is no" in str(e.value)


def test_a_file_that_was_asked_for_must_exist(tmp_path):
    with pytest.raises(errors.ConfigInvalid):
        config.load(str(tmp_path / "no.conf"))


def test_the_default_file_may_be_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "PATH", str(tmp_path / "no.conf"))
    assert config.load().host_id == 250


def test_percent_is_a_character(tmp_path):
    options = load(tmp_path, "[history]\ndir = /a%b\n")
    assert options.history_dir == "/a%b"


# The file that a value came from


def named(path):
    with pytest.raises(errors.ConfigInvalid) as e:
        config.load(str(path))
    assert str(e.value).startswith(
        (
            f"Configuration {e.value.path}, [",
            f"Configuration {e.value.path}: ",
        )
    )
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
        "[storage]\nrepo_root = /a\0b\n",
        "[lvm]\ndevices = /dev/a,/dev/\0\n",
        "[guard] mode = permissive\n",
        "[guard]\x0bmode = permissive\n",
        "[sanlock]\nsettle = 2\n[guard] mode = permissive\n",
        "[storage]\nroot = x\n",
        "[sanlok]\n",
        "[guard]\nmode = permissive\nmode = permissive\n",
        "[DEFAULT]\nmode = permissive\n",
        "[DEFAULT]\n",
        "nonsense",
    ],
)
def test_messages_name_the_file_with_the_value(main, drop_ins, text):
    (drop_ins / "a.conf").write_text(ENFORCING)
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


UNREAD = sorted(set(config.DEFAULTS) - set(config.OF_GUARD))


@pytest.mark.parametrize(
    "text",
    [
        "[bridge]\nallow = shwo\n",
        "[bridge]\ndomains = all\n",
        "[history]\ndir = relative\n",
        "[vdsm]\nport = 0\n",
        *(f"[{section}]\ncolour = red\n" for section in UNREAD),
    ],
)
def test_section_that_is_not_read(tmp_path, text):
    """It stops only those who read it."""
    with pytest.raises(errors.ConfigInvalid):
        load(tmp_path, text)
    path = str(tmp_path / "vdsm-backup.conf")
    options = config.load(path, config.OF_GUARD)
    assert options.guard_mode == "enforcing"
    assert not hasattr(options, "bridge_allow")


@pytest.mark.parametrize(
    "text", ["[gard]\nmode = permissive\n", "[brdige]\nallow = list\n"]
)
def test_section_that_is_unknown_may_be_one_that_is_read(tmp_path, text):
    (tmp_path / "vdsm-backup.conf").write_text(text)
    with pytest.raises(errors.ConfigInvalid, match="unknown section"):
        config.load(str(tmp_path / "vdsm-backup.conf"), config.OF_GUARD)
