# SPDX-License-Identifier: GPL-2.0-or-later
"""The label of a PV, read from bytes; of real PVs: left_out_test.py."""

import os
import struct

import pytest

from vdsm_backup.lvm import read_labels

SECTOR = 512
TEXT = b'vg1 {\nid = "x"\ntags = ["RHAT_storage_domain", "MDT_A=1"]\n}\n'


def label(*pairs, kind=b"LVM2 001", offset=32):
    """The first sectors of a PV: pairs of data, and of metadata areas."""
    head = struct.pack("<8sQII8s", b"LABELONE", 1, 0, offset, kind)
    lists = b"".join(struct.pack("<QQ", *pair) for pair in pairs)
    return bytes(SECTOR) + (head + bytes(40) + lists).ljust(SECTOR * 7, b"\0")


DATA, END, AREA, SECOND = (1 << 20, 0), (0, 0), (4096, 8192), (65536, 8192)


def pairs(data):
    return [*read_labels._pairs(read_labels._header(data), 1)]


@pytest.mark.parametrize(
    "lists, areas",
    [
        ([DATA, END, AREA, SECOND, END], [AREA, SECOND]),
        ([DATA, END, AREA, END], [AREA]),
        ([DATA, END, END], []),
        # Without an end there are no more than fit.
        ([DATA] * 40, []),
        ([DATA, END, *[AREA] * 40], [AREA] * 14),
    ],
)
def test_metadata_areas(lists, areas):
    assert pairs(label(*lists)) == areas


@pytest.mark.parametrize(
    "data",
    [
        bytes(4096),
        label(kind=b"LVM1 001"),
        label(offset=SECTOR),
    ],
)
def test_no_label(data):
    assert read_labels._header(data) is None


@pytest.fixture
def text(tmp_path):
    """The text that an area of AREA has, by its head and its bytes."""

    def read(data, start=SECTOR, flags=0, magic=None, at=AREA):
        path = tmp_path / "device"
        magic = magic or b" LVM2 x[5A%r0N*>"
        head = struct.pack("<I16sI", 0, magic, 1)
        head += struct.pack("<QQQQII", *AREA, start, len(TEXT), 0, flags)
        area = (head.ljust(SECTOR, b"\0") + data).ljust(AREA[1], b"\0")
        path.write_bytes(bytes(AREA[0]) + area)
        fd = os.open(path, os.O_RDONLY)
        try:
            return read_labels._text(fd, *at)
        finally:
            os.close(fd)

    yield read


def test_text(text):
    assert text(TEXT) == TEXT.decode()


def test_text_that_goes_on_at_the_beginning_of_its_area(text):
    room = AREA[1] - SECTOR
    data = (TEXT[10:]).ljust(room - 10) + TEXT[:10]
    assert text(data, start=AREA[1] - 10) == TEXT.decode()


@pytest.mark.parametrize(
    "more",
    [
        {"flags": 1},
        {"magic": b"?" * 16},
        {"start": 0},
        {"start": AREA[1]},
        {"start": 2**64 - 1},
        {"at": (4096 * 100, 8192)},
        {"at": (2**64 - 512, 8192)},
        {"at": (4096, 2**64 - 1)},
        {"at": (4100, 8192)},
    ],
    ids=str,
)
def test_no_text(text, more):
    assert text(TEXT, **more) == ""
