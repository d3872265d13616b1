# SPDX-License-Identifier: GPL-2.0-or-later
"""What NFS 4.2 does between two real clients."""

import contextlib

HOLD = """
import sys, time
with open(sys.argv[1]) as f:
    f.read()
    print("open", flush=True)
    time.sleep(3600)
"""


# In the first half of a rename over a file that is open on this client.
IN_SILLY_RENAME = (
    "until grep -ls nfs_sillyrename /proc/[0-9]*/stack; do sleep 0.2; done"
)
# The brackets: so that a pattern does not match its own command.
OURS = "[v]dsm_backup|[a]s_tool"


@contextlib.contextmanager
def held_open(host, domain):
    """Its metadata is open, as VDSM's monitor has it."""
    job = host.start(["python3", "-c", HOLD, domain.metadata], user="vdsm")
    job.expect("open")
    try:
        yield
    finally:
        job.kill()
        job.wait()


def test_old_file_held_open(host1, host2, all_domains):
    """
    A rename over it leaves the old file to whoever has it open, and the other
    host reads that one, for many seconds, unless it lists the directory.
    """
    domain = all_domains["nfs5"]
    for action, expected in (("set", True), ("clear", False)):
        with held_open(host1, domain):
            # So that the other host remembers the old file.
            host2.run(f"cat {domain.metadata}")
            host1.tool(action, domain.name, "--reason", action, check=0)
            shown = host2.json("show", domain.name)["domain"]
            assert (shown["flag"], shown["reason"]) == (expected, action)


def test_killed_in_silly_rename(box, host1, host2, slow):
    """
    A client that has the old file open moves it away first, by one request,
    and renames by another. Killed in between, there is no metadata.
    """
    host1.tool("set", slow.sd_id, "--reason", "kept", check=0)
    with held_open(host1, slow):
        change = host1.as_tool("stop", slow.sd_id, "lost", "commit")
        change.expect("at commit")
        with box.storage.hang("slow"):
            host1.run(f"touch /run/go-on.{slow.sd_id}")
            host1.run(IN_SILLY_RENAME)
            host1.run(f"pkill -KILL -f '{OURS}'")
            host1.run(f"while pgrep -f '{OURS}'; do sleep 0.2; done")
        gone = host2.tool("show", slow.sd_id)
        judged = host2.tool("check", slow.sd_id, "--operation", "run")
        host1.tool("restore", slow.sd_id, check=0)
        whole = host2.json("show", slow.sd_id)["domain"]
    after = host2.json("show", slow.sd_id)["domain"]
    assert gone.rc == 1
    assert "error 992" in gone.err
    assert judged.rc == 4
    assert "not because it is flagged" in judged.out + judged.err
    for shown in (whole, after):
        assert (shown["seal"], shown["error"]) == ("valid", None)
        assert (shown["flag"], shown["reason"]) == (True, "kept")
    host1.tool("clear", slow.sd_id, "--reason", "tested", check=0)


def test_root_is_squashed(host1, all_domains):
    """Root can write nothing here; the tool, started as root, could."""
    domain = all_domains["nfs5"]
    path = f"{domain.place}/{domain.sd_id}/dom_md/test"
    assert host1.run(f"touch {path}", check=False).rc != 0
    owner = host1.run(f"stat -c %u:%g {domain.metadata}").out
    assert owner == "36:36\n"
