# SPDX-License-Identifier: GPL-2.0-or-later
"""
An NFS server and a LUN that do not answer, at the same time: so does a hook
about them, by itself, and others stay fast.
"""

import contextlib
import re

import pytest

from tests.e2e.box.box import together
from tests.e2e.stories import disk
from tests.e2e.vmxml import vm
from tests.support import configfile

HANGING = ("slow", "hang")
FAST = ("nfs4", "iscsi5")

# Seconds until a hook gives up: long beside one that does not have to.
PATIENCE = 60
CONF = "/etc/vdsm-backup/conf.d/hang.conf"

# The paths of a LUN come back one by one.
_BACK = (
    "until dd if={path} of=/dev/null bs=4096 count=1 iflag=direct; do"
    " sleep 1; done"
)


@pytest.fixture(scope="module")
def hung(box, cleared, all_domains):
    """Done of hooks on host 1, and whether one went on; by what."""
    host = box.hosts[0]

    def hook(*paths):
        return host.hook("before_vm_start", vm(*paths))

    seen = {}
    with contextlib.ExitStack() as stack:
        paths = {
            name: stack.enter_context(disk(host, all_domains[name]))
            for name in HANGING + FAST
        }
        text = configfile.text(io_timeout=PATIENCE)
        host.run(f"mkdir -p $(dirname {CONF}); cat >{CONF}", input=text)
        stack.callback(host.run, f"rm {CONF}")
        with box.storage.hang(*HANGING, cached=False):
            stuck = {name: hook(paths[name]) for name in HANGING}
            seen["fast"] = hook(*(paths[name] for name in FAST)).wait()
            for name, job in stuck.items():
                seen["still", name] = job.running()
            for name, job in stuck.items():
                seen[name] = job.wait()
        look = [_BACK.format(path=paths[name]) for name in HANGING]
        together(lambda command: host.run(command, user="vdsm"), look)
        for name in HANGING:
            seen["again", name] = hook(paths[name]).wait()
    return seen


@pytest.mark.parametrize("name", HANGING)
def test_hook_answers(hung, name):
    assert hung[name].rc == 2
    assert "not because it is flagged" in hung[name].err
    # By itself, not by what the kernel makes of such storage in the end.
    waited = re.search("did not answer within (.+) seconds", hung[name].err)
    assert waited and float(waited[1]) <= PATIENCE, hung[name]


@pytest.mark.parametrize("name", HANGING)
def test_other_domains_stay_fast(hung, name):
    assert (hung["fast"].rc, hung["fast"].err) == (0, "")
    assert hung["still", name]


@pytest.mark.parametrize("name", HANGING)
def test_allowed_when_it_answers_again(hung, name):
    again = hung["again", name]
    assert (again.rc, again.err) == (0, "")
