# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

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
