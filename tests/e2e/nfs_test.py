# SPDX-License-Identifier: GPL-2.0-or-later
"""What NFS 4.2 does between two real clients."""

import pytest

HOLD = """
import sys, time
with open(sys.argv[1]) as f:
    f.read()
    print("open", flush=True)
    time.sleep(3600)
"""


@pytest.fixture
def held_open(host1, all_domains):
    """Its old metadata is open on host 1, as VDSM's monitor has it."""
    domain = all_domains["nfs5"]
    job = host1.start(["python3", "-c", HOLD, domain.metadata], user="vdsm")
    job.expect("open")
    yield domain
    job.kill()
    job.wait()


def test_old_file_held_open(host1, host2, held_open):
    """
    A rename over it leaves the old file to whoever has it open, and the other
    host reads that one, for many seconds, unless it lists the directory.
    """
    domain = held_open
    for action, expected in (("set", True), ("clear", False)):
        # So that the other host remembers the old file.
        host2.run(f"cat {domain.metadata}")
        host1.tool(action, domain.name, "--reason", action, check=0)
        shown = host2.json("show", domain.name)["domain"]
        assert (shown["flag"], shown["reason"]) == (expected, action)


def test_root_is_squashed(host1, all_domains):
    """Root can write nothing here; the tool, started as root, could."""
    domain = all_domains["nfs5"]
    path = f"{domain.place}/{domain.sd_id}/dom_md/test"
    assert host1.run(f"touch {path}", check=False).rc != 0
    owner = host1.run(f"stat -c %u:%g {domain.metadata}").out
    assert owner == "36:36\n"
