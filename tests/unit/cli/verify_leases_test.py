# SPDX-License-Identifier: GPL-2.0-or-later
"""verify on file domains that sanlock cannot use: ids, leases and xleases."""

import os

import pytest

from tests.support.storage import harms
from tests.support.verifyfixtures import A, only_notes, problems

pytest_plugins = ["tests.support.verifyfixtures"]


@pytest.mark.parametrize(
    "area, harm, words",
    [
        ("ids", harms.missing, "it is missing"),
        ("ids", harms.empty, "it has 0 bytes of 1048576"),
        ("ids", harms.short, "it has 524288 bytes of 1048576"),
        ("ids", harms.zeroed, "never initialized, or was zeroed"),
        ("ids", harms.foreign, f"another lockspace, {harms.OTHER}"),
        ("ids", harms.a_link, "a symbolic link"),
        ("ids", harms.a_directory, "not a regular file"),
        ("ids", harms.a_fifo, "not a regular file"),
        ("leases", harms.missing, "it is missing"),
        ("leases", harms.empty, "too short"),
        ("leases", harms.short, "too short"),
        ("leases", harms.zeroed, "never initialized"),
        ("leases", harms.foreign_area, f"another lockspace, {harms.OTHER}"),
        ("leases", harms.another_resource, "the lease SPM"),
    ],
)
def test_area_of_sanlock(host, dom_md, area, harm, words):
    harm(os.path.join(dom_md, area))
    ((code, message),) = problems(host)
    assert code == 9620
    assert message.startswith(f"{area} of storage domain {A} ")
    assert words in message


@pytest.mark.parametrize(
    "harm, words",
    [
        (harms.missing, "it is missing"),
        (harms.empty, "too short"),
        (harms.zeroed, "never initialized"),
        (harms.foreign_area, f"another lockspace, {harms.OTHER}"),
    ],
)
def test_leases_of_vms_are_a_note(host, dom_md, harm, words):
    harm(os.path.join(dom_md, "xleases"))
    (note,) = only_notes(host)
    assert note.startswith("xleases: ") and words in note


def test_areas_of_other_sizes_than_the_metadata_has(host):
    host.domain(sd_id=A, BLOCK_SIZE="4096")
    codes = [code for code, _ in problems(host)]
    assert codes == [9620, 9620]


def test_a_local_domain_has_no_lockspace(host):
    host.domain(sd_id=A, TYPE="LOCALFS")
    dom_md = os.path.join(host.mount, A, "dom_md")
    os.truncate(os.path.join(dom_md, "ids"), 0)
    os.truncate(os.path.join(dom_md, "leases"), 0)
    os.unlink(os.path.join(dom_md, "xleases"))
    assert only_notes(host) == []
    os.unlink(os.path.join(dom_md, "ids"))
    ((code, message),) = problems(host)
    assert code == 9620 and "it is missing" in message
