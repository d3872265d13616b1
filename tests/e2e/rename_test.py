# SPDX-License-Identifier: GPL-2.0-or-later
"""
A file on NFS that is held open and replaced: the server keeps the old one for
who has it open, and another host that remembers it goes on reading it, for
many seconds, unless it lists the directory.
"""

import os

from tests.e2e.stories import held_open


def test_old_file_held_open(host1, host2, all_domains):
    domain = all_domains["nfs5"]
    look = f"cat {domain.metadata}"
    with held_open(host1, domain):
        change = host1.as_tool("stop", domain.sd_id, "new", "commit")
        change.expect("at commit")
        # So that it remembers the old one, and for 30 s from now (acdirmin,
        # nfs(5)) that the directory has not changed: to open a directory asks
        # the server, to open a file whose handle is known does not ask for
        # its name. Each user and set of groups, the tool's and ours, comes
        # now: the first time one comes, the directory is asked for, too. And
        # it is not read: stat() would ask for the time of that.
        host2.json("show", domain.sd_id)
        directory = os.path.dirname(domain.metadata)
        host2.run(f": <{directory}", user="vdsm")
        before = host2.run(look, user="vdsm").out
        host1.go_on(domain)
        change.expect("changed")
        after = host2.run(look, user="vdsm").out
        shown = host2.json("show", domain.sd_id)["domain"]
        change.wait()
    assert after == before, "it did not go on reading the old one"
    assert (shown["flag"], shown["reason"]) == (True, "new")
