# SPDX-License-Identifier: GPL-2.0-or-later
import os

import pytest

from tests import ROOT
from tests.support.commandline import OPTION
from vdsm_backup import config

SAMPLE = os.path.join(ROOT, "contrib", "vdsm-backup.conf")


def drop_in(host, text):
    directory = os.path.join(os.path.dirname(host.config), "conf.d")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, "50.conf")
    with open(path, "w") as f:
        f.write(text)
    return path


def shown(host):
    done = host.json("config", "--show")
    assert (done.code, set(done.json)) == (0, {"schema", "options", "notes"})
    return done.json["options"]


def test_all_options_with_value_default_and_file(host):
    host.configure(settle=7)
    options = shown(host)
    assert all(set(option) == OPTION for option in options)
    assert [(o["section"], o["option"]) for o in options] == [
        (s, o) for s, found in config.DEFAULTS.items() for o in found
    ]
    (settle,) = [o for o in options if o["option"] == "settle"]
    assert settle == {
        "section": "sanlock",
        "option": "settle",
        "value": "7",
        "default": "3",
        "file": host.config,
    }
    (other,) = [o for o in options if o["option"] == "on_incompatible"]
    assert (other["value"], other["file"]) == ("warn", None)


def test_the_file_is_that_of_the_value_that_counts(host):
    path = drop_in(host, "[sanlock]\nsettle = 9\n")
    (settle,) = [o for o in shown(host) if o["option"] == "settle"]
    assert (settle["value"], settle["file"]) == ("9", path)


def test_the_text_is_a_configuration_file(host, tmp_path):
    """Also of a value of several lines, and of one that is long."""
    devices = ",\n    ".join(f"/dev/mapper/{n:0100}" for n in range(9))
    drop = drop_in(host, f"[lvm]\ndevices = {devices}\n")
    done = host.run("config", "--show")
    assert (done.code, done.err) == (0, "")
    copy = tmp_path / "copy"
    copy.write_text(done.out)
    before, after = config.load(host.config), config.load(str(copy))
    assert len(after.lvm_devices) == 9
    texts = [list(o.texts()) for o in (before, after)]
    assert [t[:3] for t in texts[0]] == [t[:3] for t in texts[1]]
    assert f"# {drop}; default: empty\ndevices = " in done.out


def test_what_is_not_asked_for(host):
    done = host.run("config")
    assert done.code == 2
    assert "--show" in done.err


@pytest.fixture
def sample():
    with open(SAMPLE, encoding="utf-8") as f:
        return f.read()


def test_the_sample_sets_nothing(sample):
    options = config.load(SAMPLE)
    assert {file for *_, file in options.texts()} == {None}


def test_the_sample_has_all_options_with_their_defaults(sample, tmp_path):
    path = tmp_path / "all.conf"
    lines = sample.splitlines()
    path.write_text(
        "\n".join(
            line[1:] if line[:1] == "#" and line[1:2].isalpha() else line
            for line in lines
        )
    )
    for section, option, value, file in config.load(str(path)).texts():
        assert value == config.DEFAULTS[section][option]
        assert file == str(path)
