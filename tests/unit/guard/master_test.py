# SPDX-License-Identifier: GPL-2.0-or-later
"""A flagged domain that an engine has elected master: who tells, how often."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.waiting import SOON
from vdsm_backup import errors
from vdsm_backup.guard import audit, policy
from vdsm_backup.guard.verdict import Guard
from vdsm_backup.metadata import domain
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.vm.needs import Need, Needs
from vdsm_backup.vm.paths import Location

pytest_plugins = ["tests.support.journalentries"]

SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
POOL = "8f3c1b3e-9d0c-4a0e-9b5e-3f1c2d4e5f60"


@pytest.fixture(autouse=True)
def no_warning_yet(monkeypatch, entries):
    monkeypatch.setattr(audit, "_masters", set())


def warnings(entries):
    messages = [entry["message"] for entry in entries]
    return [text for text in messages if "master domain" in text]


@pytest.mark.parametrize(
    "role, pool, master",
    [
        ("Master", POOL, True),
        ("master", POOL, True),
        ("Regular", POOL, False),
        ("", POOL, False),
        # What is left of a pool that is gone.
        ("Master", "", False),
        ("Master", domain.NO_POOL, False),
    ],
)
def test_is_master(role, pool, master):
    values = {"ROLE": role, "POOL_UUID": pool}
    assert domain.is_master(values) == master
    assert not domain.is_master({})


def start(role="Master", backup="True"):
    """A VM on a domain is judged, and the journal told."""
    values = {
        "VERSION": "5",
        "SDUUID": SD,
        "DESCRIPTION": "backups",
        "ROLE": role,
        "POOL_UUID": POOL,
        "BACKUP": backup,
    }
    lines = md_lines.flush(values)
    guard = Guard(policy.Settings(), lambda location: lines, SOON)
    wanted = Needs(known=[Need("disk vda", Location(SD))])
    verdict = guard.verdict("run", wanted, time.monotonic() + SOON)
    return audit.tell(verdict, "VM web1")


def test_the_guard_warns_once(entries):
    for _ in range(3):
        (refused,) = start()
        assert isinstance(refused, errors.DomainFlagged)
    assert warnings(entries) == [
        "Backup domain backups is the master domain of its data center, which"
        " an engine must have elected"
    ]
    assert len(entries) == 4


@pytest.mark.parametrize(
    "role, backup", [("Regular", "True"), ("Master", "False")]
)
def test_there_is_nothing_to_warn_of(entries, role, backup):
    start(role, backup)
    assert warnings(entries) == []


def test_it_warns_again_of_another_election(entries):
    audit.master(SD, "backups")
    audit.no_master(SD)
    audit.no_master(SD)
    audit.master(SD, "backups")
    assert len(entries) == 2


def test_of_many_threads_one_warns(entries):
    together = threading.Barrier(20)

    def warn(_):
        together.wait()
        audit.master(SD, "backups")

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(warn, range(20)))
    assert len(entries) == 1
