# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said of the files of a domain, by what was seen of them."""

import pytest

from vdsm_backup.verify import files

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
