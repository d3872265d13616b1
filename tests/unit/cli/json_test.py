# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/json.md names the keys that the other tests find in the output."""

import os
import re

import pytest

from tests import ROOT
from tests.support import commandline
from vdsm_backup.cli import commands, output

PATH = os.path.join(ROOT, "docs", "json.md")


@pytest.fixture
def text():
    with open(PATH, encoding="utf-8") as f:
        return f.read()


@pytest.mark.parametrize(
    "name, keys",
    [
        ("DOMAIN", commandline.DOMAIN),
        ("ERROR", commandline.ERROR),
        ("VERIFIED", commandline.VERIFIED),
        ("REFUSAL", commandline.REFUSAL - commandline.ERROR),
        ("PERMIT", commandline.PERMIT),
        ("SAMPLE", commandline.SAMPLE),
        ("USERS", commandline.USERS),
        ("CHECK", commandline.CHECK),
        ("COPY", commandline.COPY | {"lines"}),
        ("LOGGED", commandline.LOGGED),
        ("DIFFERENCE", commandline.DIFFERENCE),
        ("OPTION", commandline.OPTION),
        ("EXPLANATION", {"code", "name", "exit_code", "text"}),
    ],
)
def test_keys(text, name, keys):
    section = re.search(rf"^### {name}\n(.*?)(?:^#|\Z)", text, re.M | re.S)
    found = re.findall(r"^\| `(\w+)` \|", section[1], re.M)
    assert set(found) == keys
    assert len(found) == len(keys)


def test_schema(text):
    assert set(re.findall(r'"schema": (\d+)', text)) == {str(output.SCHEMA)}


def test_commands(text):
    named = {command.name for command in commands.COMMANDS}
    section = re.search(
        r"^## Commands\n+```json\n(.*?)^```", text, re.M | re.S
    )
    assert set(re.findall(r"^(\w+)", section[1], re.M)) == named
