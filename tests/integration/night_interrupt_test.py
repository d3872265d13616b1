# SPDX-License-Identifier: GPL-2.0-or-later
"""
The worst night: Ctrl-C and SIGTERM at each step of a change. See
tests/support/night.py.
"""

import signal

import pytest

from tests.support.clifixtures import A
from tests.support.hooks.needs import (
    needs_other_user,
    needs_sanlock,
    slow_to_join,
)
from tests.support.storage.blocktools import needs_block
from vdsm_backup.metadata import lines as md_lines

pytest_plugins = [
    "tests.support.clifixtures",
    "tests.support.lease.leasedhost",
    "tests.support.night",
    "tests.support.nightblock",
    "tests.support.storage.blockfixtures",
]
pytestmark = [slow_to_join, needs_sanlock, needs_other_user]

INT, TERM = signal.SIGINT, signal.SIGTERM

MAKE, LOOK = "to make the change", "look"

# Of a file domain, the steps of a run in their order, and what follows. A
# block domain has no "create", "write", "check".
STEPS = [
    ("search", INT, MAKE),
    ("joining", TERM, MAKE),
    ("taking the SDM lease", INT, MAKE),
    ("compare", TERM, MAKE),
    ("create", INT, MAKE),
    ("write", TERM, MAKE),
    ("check", INT, MAKE),
    ("commit", INT, LOOK),
    ("confirm", TERM, LOOK),
    ("leaving", INT, LOOK),
    ("tidy", TERM, LOOK),
]
OF_BLOCK = [s for s in STEPS if s[0] not in ("create", "write", "check")]


def interrupt(night, host, name, moment, number, hint, is_flagged):
    """
    Interrupt a run; what it says of the flag is so, and the next command
    helps.
    """
    done = night.types(
        f'vdsm-backup-domain set {name} --reason "nightly copies"',
        interrupted=(number, moment),
    )
    assert done.returncode == 128 + number
    assert done.stdout == ""
    if "nothing was changed" in done.stderr:
        assert not is_flagged()
    elif "IS a backup domain" in done.stderr:
        assert is_flagged()
    else:
        assert "the outcome is unknown" in done.stderr
    after = night.follows(hint)
    assert after.returncode == 0
    if hint == LOOK:
        assert ("Backup domain     yes" in after.stdout) is is_flagged()
        # The writer waits for a word of the tool before it commits.
        assert is_flagged() is (moment != "commit")
    else:
        assert is_flagged()


@pytest.mark.parametrize(
    "moment, number, hint", STEPS, ids=[step[0] for step in STEPS]
)
def test_file(night, admin, moment, number, hint):
    """A file domain."""
    admin.domain(sd_id=A, name="backups-nfs")

    def is_flagged():
        return admin.values(A).get("BACKUP") == "True"

    interrupt(night, admin, "backups-nfs", moment, number, hint, is_flagged)


@needs_block
@pytest.mark.parametrize(
    "moment, number, hint", OF_BLOCK, ids=[step[0] for step in OF_BLOCK]
)
def test_block(night, blockadmin, luns, moment, number, hint):
    """A block domain."""

    def is_flagged():
        values = md_lines.parse(luns.lines()).values
        return values.get("BACKUP") == "True"

    interrupt(night, blockadmin, "block1", moment, number, hint, is_flagged)


@pytest.mark.parametrize("number", [INT, TERM], ids=["INT", "TERM"])
@pytest.mark.parametrize(
    "line",
    [
        "list",
        "show backups-nfs",
        "verify",
        "verify backups-nfs",
        "check backups-nfs",
        "doctor",
        "metrics",
    ],
)
def test_what_only_reads(night, admin, line, number):
    """A command that changes nothing."""
    admin.domain(sd_id=A, name="backups-nfs")
    done = night.types(
        f"vdsm-backup-domain {line}", interrupted=(number, "read")
    )
    assert done.returncode == 128 + number
    assert "error 991: Interrupted, nothing was changed\n" in done.stderr


def test_a_permit(night, admin):
    """It takes a moment, and is made then or not at all."""
    permit = f"vdsm-backup-domain permit --vm {A}"
    done = night.types(
        f"{permit} --for 2h --reason 'mail must run'",
        interrupted=(INT, "permit"),
    )
    assert done.returncode == 0
    assert "Interrupted" not in done.stderr
    night.types("vdsm-backup-domain permit --list")
