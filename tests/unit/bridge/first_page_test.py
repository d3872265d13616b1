# SPDX-License-Identifier: GPL-2.0-or-later
"""What docs/first-bridge.md has typed is what its programs take."""

import re
import shlex
import subprocess

import pytest

from tests.support import pagecommands
from vdsm_backup import errors
from vdsm_backup.bridge import agent, command, settings
from vdsm_backup.cli import parser

PAGE = "docs/first-bridge.md"
OURS = (command.PROGRAM, parser.PROGRAM)


def block(beginning):
    """The one block that begins so, without its indent."""
    found = [
        re.sub(r"(?m)^    ", "", each)
        for each in pagecommands.blocks(PAGE)
        if each.lstrip().startswith(beginning)
    ]
    assert len(found) == 1, beginning
    return found[0]


def of_the_bridge():
    for page in pagecommands.PAGES:
        for line in pagecommands.typed(page):
            if line.split()[0] == command.PROGRAM:
                yield page, line


def test_all_lines_of_blocks_are_commands_or_files():
    """So none of them is left out of what is looked at."""
    lines = [
        line.strip()
        for each in pagecommands.blocks(PAGE)
        if not each.lstrip().startswith("[")
        for line in each.splitlines()
    ]
    assert lines == list(pagecommands.typed(PAGE)) and len(lines) > 20


@pytest.mark.parametrize("page, line", [*of_the_bridge()])
def test_the_bridge_takes_its_commands(page, line):
    command.parser().parse_args(shlex.split(line)[1:])


def test_the_pages_have_some():
    assert {"docs/bridge.md", PAGE} <= {page for page, _ in of_the_bridge()}


def test_the_configuration_is_one(tmp_path):
    path = tmp_path / "bridge.conf"
    path.write_text(block("[engine]"))
    made = settings.load(str(path), {})
    assert made.user == "bridge@internal"
    assert made.engine == "engine.example.com"
    typed = " ".join(pagecommands.typed(PAGE))
    for file in (made.password_file, made.identity_file):
        assert f" {file} " in typed


def test_the_line_of_the_key_is_what_the_agent_says(tmp_path):
    (line,) = [x for x in pagecommands.typed(PAGE) if x.startswith("printf ")]
    key = tmp_path / "identity.pub"
    key.write_text("KEY\n")
    line = line.rpartition(" | ")[0].replace(
        f"{settings.SECRETS}/identity.pub", str(key)
    )
    done = subprocess.run(
        ["bash", "-c", line], check=True, capture_output=True, text=True
    )
    told = [each.strip() for each in agent.__doc__.splitlines()]
    assert done.stdout.strip() in told


def test_errors_that_it_names_are_those_of_the_bridge():
    codes = set(re.findall(r"\b96\d\d\b", pagecommands.read(PAGE)))
    assert len(codes) > 3
    assert set(map(int, codes)) <= set(errors.by_code())
