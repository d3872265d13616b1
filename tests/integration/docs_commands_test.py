# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands in docs/format.md do what it says, with real lvm and sanlock."""

import os
import re
import shutil
import subprocess

import pytest

from tests import ROOT
from tests.support.storage import filedomain
from tests.support.storage.blocktools import needs_block
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines

pytest_plugins = ["tests.support.storage.blockfixtures"]


def recipe(beginning):
    """The only block of commands that begins so."""
    with open(os.path.join(ROOT, "docs", "format.md"), encoding="utf-8") as f:
        blocks = re.findall(r"^```shell\n(.*?)^```$", f.read(), re.M | re.S)
    (found,) = [block for block in blocks if block.startswith(beginning)]
    return found


def output(command, **where):
    return subprocess.run(
        ["sh", "-c", command], check=True, stdout=subprocess.PIPE, **where
    ).stdout.decode()


@needs_block
def test_tags_line_by_line(block_domain):
    command = recipe("pvs ")
    place = "/dev/mapper/WWID,/dev/mapper/WWID"
    assert place in command
    command = command.replace(place, ",".join(block_domain.devices))
    tags = output(command).split("\n")[:-1]
    lines = md_lines.flush(block_domain.values)
    assert {encoding.encode_tag(line) for line in lines} <= set(tags)
    assert "RHAT_storage_domain" in tags
    assert len(tags) == len(set(tags)) == len(lines) + 1


def test_metadata_in_the_directory_of_the_domain(tmp_path):
    sd_id = filedomain.make(str(tmp_path))
    shown = output(recipe("ls dom_md"), cwd=tmp_path / sd_id)
    assert f"SDUUID={sd_id}" in shown.splitlines()


@pytest.mark.skipif(not shutil.which("sanlock"), reason="no sanlock")
def test_who_has_the_lease(tmp_path):
    sd_id = filedomain.make(str(tmp_path))
    shown = output(recipe("sanlock "), cwd=tmp_path / sd_id)
    title, lease = shown.splitlines()
    assert " own " in title
    assert lease.split()[1:3] == [sd_id, "SDM"]
