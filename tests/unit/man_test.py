# SPDX-License-Identifier: GPL-2.0-or-later
"""The manual pages say what the command does, and can be shown."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests import ROOT
from tests.support.hooks.needs import needs_command
from vdsm_backup import config, errors
from vdsm_backup.bridge import command as bridge
from vdsm_backup.bridge import settings
from vdsm_backup.cli import commands, parser

PAGES = os.path.join(ROOT, "contrib", "man")
NAMES = ["vdsm-backup-domain.8", "vdsm-backup.conf.5"]
NAMES += ["vdsm-backup-domain-bridge.8"]


def read(name, directory=PAGES):
    with open(os.path.join(directory, name), encoding="utf-8") as f:
        return f.read()


def make(directory):
    subprocess.run(
        [sys.executable, os.path.join(ROOT, "contrib", "make-man"), directory],
        check=True,
    )


def test_the_pages_are_what_make_man_writes(tmp_path):
    """If not: `make man`."""
    shutil.copytree(PAGES, tmp_path, dirs_exist_ok=True)
    assert sorted(os.listdir(tmp_path)) == sorted(NAMES)
    make(tmp_path)
    for name in NAMES:
        assert read(name, tmp_path) == read(name), name


def test_a_page_has_the_date_of_its_last_change(tmp_path):
    name = NAMES[0]
    old = re.sub(r"\d{4}-\d\d-\d\d", "2001-01-01", read(name), count=1)
    (tmp_path / name).write_text(old)
    make(tmp_path)
    assert read(name, tmp_path) == old
    (tmp_path / name).write_text(old.replace("storage", "something"))
    make(tmp_path)
    assert "2001-01-01" not in read(name, tmp_path)
    assert old.partition("\n.SH")[2] in read(name, tmp_path)


@needs_command("mandoc")
@pytest.mark.parametrize("name", NAMES)
def test_mandoc_has_nothing_to_say(name):
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", os.path.join(PAGES, name)],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_command("groff")
@pytest.mark.parametrize("name", NAMES)
def test_groff_has_nothing_to_say(name):
    """What `man` of EL uses. Its exit code does not tell."""
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", os.path.join(PAGES, name)],
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""


@needs_command("lexgrog")
@pytest.mark.parametrize("name", NAMES)
def test_man_finds_its_name(name):
    """What `man -k` shows."""
    done = subprocess.run(
        ["lexgrog", os.path.join(PAGES, name)],
        capture_output=True,
        text=True,
        check=True,
    )
    whole = name.rpartition(".")[0]
    assert f': "{whole} - ' in done.stdout


def shown(name):
    """The page as a terminal shows it, without what it does in bold."""
    done = subprocess.run(
        (
            [
                "mandoc",
                "-T",
                "ascii",
                "-O",
                "width=500",
                os.path.join(PAGES, name),
            ]
            if shutil.which("mandoc")
            else [
                "groff",
                "-man",
                "-Tascii",
                "-P-c",
                os.path.join(PAGES, name),
            ]
        ),
        capture_output=True,
        text=True,
        check=True,
    )
    return " ".join(re.sub(".\b", "", done.stdout).split())


@needs_command("groff")
def test_the_page_of_the_command_has_all_of_it():
    text = shown(NAMES[0])
    _, parsers = parser.build(80, commands.COMMANDS)
    for command in commands.COMMANDS:
        assert f"vdsm-backup-domain {command.name}" in text
        for option in command.options:
            name = option.names[0]
            tag = name if name[0] == "-" else option.settings["metavar"]
            assert f" {tag} " in text, name
        for example in command.examples:
            assert f"vdsm-backup-domain {example}" in text
        assert parsers[command.name].description.split(". ")[0][:30] in text
    for code, error in errors.by_code().items():
        sentence = " ".join(error.__doc__.split("\n\n")[0].split())
        assert f" {code} {sentence} Exit status " in text, code


@needs_command("groff")
def test_the_page_of_the_file_has_all_options():
    text = shown(NAMES[1]).partition(" OPTIONS ")[2]
    for section, options in config.DEFAULTS.items():
        part = text.partition(f"[{section}]")[2]
        for option, default in options.items():
            rest = part.partition(f" {option} ")[2]
            told = rest.partition(" Default: ")[2]
            assert told.startswith(f"{default or 'empty'}."), option


@needs_command("groff")
def test_the_page_of_the_bridge_has_all_of_it():
    text = shown(NAMES[2])
    its = bridge.parser()
    assert f" {bridge.PROGRAM} status What the service " in text
    for action in its._actions:
        if not action.option_strings:
            continue
        assert f" {', '.join(action.option_strings)} " in text
        # Without its first letter, which begins a sentence.
        assert (action.help % vars(action))[1:] in text
    options = text.partition(" CONFIGURATION ")[2]
    for section, defaults in settings.DEFAULTS.items():
        part = options.partition(f"[{section}]")[2]
        for option, default in defaults.items():
            told = part.partition(f" {option} ")[2]
            if default is None:
                assert "It must be set." in told.partition("Default:")[0]
            else:
                told = told.partition(" Default: ")[2]
                assert told.startswith(f"{default or 'empty'}."), option
    codes = [c for c in errors.by_code() if 9680 <= c < 9700]
    assert len(codes) > 10
    for code in codes:
        assert f" {code} " in text
    for path in (settings.PATH, settings.SECRETS, "EXIT STATUS 0 "):
        assert path in text


def test_the_help_names_the_page():
    text = " ".join(parser.help_text().split())
    assert "man vdsm-backup-domain(8)" in text
