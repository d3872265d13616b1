# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said of the files of a domain, by what was seen of them."""

import json
import os

import pytest

from tests.support.storage import filedomain
from vdsm_backup.processes import scripts
from vdsm_backup.verify import files, inspections

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.mark.parametrize(
    "blocks, block_size, inodes, code, note",
    [
        (1, 4096, 1, None, False),
        (1, 4096, None, None, False),
        (0, 4096, 1, 9624, False),
        (1, 4096, 0, 9624, False),
        # CephFS: there may be room in a part of a block.
        (0, 4 * 1024**2, 1, None, True),
        (0, 4 * 1024**2, 0, 9624, True),
    ],
)
def test_space(blocks, block_size, inodes, code, note):
    space = {"blocks": blocks, "block_size": block_size, "inodes": inodes}
    found = files.Findings()
    files._check_space(SD, {"space": space}, found)
    assert [e.code for e in found.problems] == ([code] if code else [])
    notes = ["less than 4096 KiB are free for new metadata"] if note else []
    assert found.notes == notes


@pytest.mark.parametrize(
    "found, told, command",
    [
        ({}, None, ""),
        ({"dom_md": "i"}, "immutable (chattr +i)", "chattr -i /mnt/x/dom_md"),
        (
            {"metadata": "a"},
            "append-only (chattr +a)",
            "chattr -a /mnt/x/dom_md/metadata",
        ),
        (
            {"ids": "ia"},
            "immutable (chattr +i) and append-only (chattr +a)",
            "chattr -i -a /mnt/x/dom_md/ids",
        ),
    ],
)
def test_attributes(found, told, command):
    seen = inspections.Seen()
    seen.facts["attributes"] = found
    problems = list(files._attribute_problems(SD, seen, "/mnt/x"))
    assert [e.problem for e in problems] == ([f"it is {told}"] if told else [])
    for error in problems:
        see, take_away = error.hint_lines()
        assert see.endswith(f"lsattr -d {command.split()[-1]}")
        assert take_away.endswith(f": {command}")


WHOLE = {"owners and modes", "free space", "leftovers"}


def test_a_look_that_breaks_off(tmp_path):
    """A process that looks can be killed, or fail, after each of its lines."""
    filedomain.make(str(tmp_path), sd_id=SD)
    request = {"sd_id": SD, "directory": str(tmp_path / SD), "areas": {}}
    request.update(align=1024**2, sector=512, host_id=1)
    look = scripts.Script(
        "vdsm_backup.verify.inspect_domain", json.dumps(request), as_root=False
    )
    scripts.collect([look], 60)
    lines, look.lines = look.lines, []
    for line in [*lines, {}]:
        seen = inspections._seen(look)
        user = os.geteuid(), os.getegid()
        found = files.check(SD, seen, ["ids"], *user, str(tmp_path / SD))
        known = WHOLE & set(found.looked_at)
        if "access" not in seen.facts:
            assert not known
            assert bool(found.unseen) == ("entries" in seen.facts)
        look.lines.append(line)
    assert known == WHOLE
