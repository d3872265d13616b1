# SPDX-License-Identifier: GPL-2.0-or-later
"""A permit ends, by a clock that nobody sets."""

import time

import pytest

from tests.support.hooks import permitfile
from tests.support.hooks.permitfile import (
    HOUR,
    VM,
    content,
    make,
    needs_root,
    why_not,
    write,
)
from vdsm_backup.guard import permits


@needs_root
def test_it_expires(directory, monkeypatch):
    ends = make(directory).ends
    for now, expired in ((ends - 1, False), (ends, True), (ends + 1, True)):
        monkeypatch.setattr(permits, "now", lambda now=now: now)
        if expired:
            assert why_not(directory) == "it has expired"
        else:
            assert permits.find(directory, VM).left == 1


@needs_root
def test_from_the_future(directory):
    begins = permits.now() + HOUR
    write(directory, VM, content(VM, begins=begins, ends=begins + HOUR))
    assert why_not(directory) == "it begins in the future"


@needs_root
def test_from_before_this_boot(directory):
    boot = "00000000-0000-4000-8000-000000000000"
    write(directory, VM, content(VM, boot=boot))
    assert why_not(directory) == "it is from before this host has booted"


@needs_root
@pytest.mark.parametrize("jump", [-10 * 365 * 86400, 10 * 365 * 86400])
def test_the_clock_on_the_wall_may_jump(directory, monkeypatch, jump):
    """It makes no difference, and `until` is by the new one."""
    made = make(directory)
    wall = time.time() + jump
    monkeypatch.setattr(permits.time, "time", lambda: wall)
    found = permits.find(directory, VM)
    assert found.ends == made.ends
    assert found.until[:4] == str(time.gmtime(wall + found.left).tm_year)
    write(directory, VM, permitfile.expired(VM))
    assert why_not(directory) == "it has expired"


def test_the_clock_runs_from_boot_and_while_the_host_sleeps():
    with open("/proc/uptime") as f:
        before = float(f.read().split()[0])
    assert before - 1 <= permits.now()
    assert permits.now() <= time.clock_gettime(time.CLOCK_BOOTTIME)
