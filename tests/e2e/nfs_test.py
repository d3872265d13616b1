# SPDX-License-Identifier: GPL-2.0-or-later
"""What NFS 4.2 does between two real clients."""

import pytest

from tests.e2e.box.box import together
from tests.e2e.stories import held_open
from tests.support import configfile

# It mostly waits.
pytestmark = pytest.mark.usefixtures("racing")

# Seconds for which metadata that is gone is looked for.
CONF = "/run/nfs.conf"
PATIENCE = 20

# All of one change, by its environment.
OURS = "grep -lsz ^BOX_VICTIM= /proc/[0-9]*/environ | cut -d / -f 3"
# Our renames begin 20 seconds late from now on.
RENAMES = "rename,renameat,renameat2"
SLOWLY = f"""
strace -qq -f -o /dev/null -e trace={RENAMES} \
    -e inject={RENAMES}:delay_enter=20000000 \
    $(for pid in $({OURS}); do echo -p $pid; done) </dev/null >/dev/null 2>&1 &
for pid in $({OURS})
do until grep -q 'TracerPid:.[1-9]' /proc/$pid/status; do sleep 0.2; done
done
"""
# In the first half of a rename over a file that is open on this client: it
# stays there, since the storage does not answer. Before that half it may look
# for a free name.
IN_SILLY_RENAME = f"""
stuck() {{
    for pid in $({OURS}); do cat /proc/$pid/stack; done 2>/dev/null |
        grep nfs_sillyrename
}}
until stuck && sleep 3 && stuck; do sleep 0.2; done
"""
KILL = f"""kill -KILL $({OURS}); while [ "$({OURS})" ]; do sleep 0.2; done"""


def test_killed_in_silly_rename(box, host1, host2, all_domains):
    """
    A client that has the old file open moves it away first, by one request,
    and renames by another. Killed in between, there is no metadata, or still
    the old one.
    """
    slow = all_domains["slow"]
    host2.run(f"cat >{CONF}", input=configfile.text(io_timeout=PATIENCE))
    host1.tool("set", slow.sd_id, "--reason", "kept", check=0)
    with held_open(host1, slow):
        args = ("stop", slow.sd_id, "lost", "commit")
        change = host1.as_tool(*args, env=["BOX_VICTIM=1"])
        change.expect("at commit")
        host1.run(SLOWLY)
        host1.go_on(slow)
        # The last thing before the rename is a second name.
        live = f"/srv/slow/{slow.sd_id}/dom_md/metadata"
        box.storage.run(
            f"until [ $(stat -c %h {live}) = 2 ]; do sleep 0.1; done"
        )
        with box.storage.hang("slow"):
            host1.run(IN_SILLY_RENAME)
            host1.run(KILL)
        show = ("show", slow.sd_id)
        check = ("check", slow.sd_id, "--operation", "run")
        gone, judged = together(
            lambda args: host2.tool("--config", CONF, *args), (show, check)
        )
        host1.tool("restore", slow.sd_id, check=0)
        whole = host2.json("show", slow.sd_id)["domain"]
    after = host2.json("show", slow.sd_id)["domain"]
    assert judged.rc == 4
    if gone.rc == 0:
        # The server never carried out the first half, and all is as before.
        assert "reason          kept" in gone.out
        assert "error 994" in judged.out + judged.err
    else:
        assert "error 992" in gone.err
        assert "not because it is flagged" in judged.out + judged.err
    for shown in (whole, after):
        assert (shown["seal"], shown["error"]) == ("valid", None)
        assert (shown["flag"], shown["reason"]) == (True, "kept")


def test_root_is_squashed(flagged, host1, all_domains):
    """Root can write nothing here; the tool, started as root, could."""
    assert flagged["set"]["nfs4"].rc == 0
    domain = all_domains["nfs4"]
    touch = f"touch {domain.place}/{domain.sd_id}/dom_md/test"
    refused = host1.run(touch, check=False)
    assert "Permission denied" in refused.err
    host1.run(f"{touch}; rm {touch.partition(' ')[2]}", user="vdsm")
    owner = host1.run(f"stat -c %u:%g {domain.metadata}").out
    assert owner == "36:36\n"
