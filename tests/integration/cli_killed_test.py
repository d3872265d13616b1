# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs that were killed in a lockspace: what tidies up, and what is said."""

import os
import shlex
import shutil

import pytest

from tests.support.clifixtures import WHY, A
from tests.support.hooks.needs import needs_sanlock, slow_to_join
from tests.support.storage import filedomain
from tests.support.waiting import wait_until
from vdsm_backup.metadata import lines as md_lines

pytest_plugins = [
    "tests.support.clifixtures",
    "tests.support.lease.leasedhost",
]
pytestmark = slow_to_join


@needs_sanlock
@pytest.mark.parametrize(
    "lines, code",
    [
        # Refused, and what the metadata says of sizes does not matter.
        (dict(BACKUP="maybe"), 966),
        (dict(VERSION=None), 963),
        (dict(BACKUP="True"), 0),
        (dict(BACKUP="False"), 0),
    ],
    ids=["refused", "no metadata", "set", "clear"],
)
def test_killed_run_is_tidied_by_a_run_that_changes_nothing(
    leased, lines, code
):
    leased.domain(sd_id=A)
    leased.kill_run("set", A, *WHY)
    values = filedomain.metadata(A, **{"BACKUP_REASON": WHY[1], **lines})
    filedomain.put(leased.mount, A, md_lines.flush(values))
    before = leased.bytes(A)
    # Who only looks leaves it as it is.
    for look in (["show", A], ["list"], ["verify"], ["doctor"]):
        leased.process(*look)
    command = "set" if lines.get("BACKUP") == "True" else "clear"
    leased.process(command, A, *WHY, "--dry-run")
    assert leased.joined(A)
    assert os.path.exists(leased.record(A))
    done = leased.process(command, A, *WHY)
    if code:
        assert f"error {code}: " in done.err
        assert done.code != 0
    else:
        assert done.out.startswith("Nothing to change: ")
        assert done.code == 0
    assert "note:" not in done.err
    leased.assert_tidy(A)
    assert leased.bytes(A) == before


@needs_sanlock
@pytest.mark.parametrize("problem", ["gone", "unreadable", "twice"])
def test_killed_run_is_tidied_by_the_uuid(leased, problem):
    leased.domain(sd_id=A)
    leased.kill_run("set", A, *WHY)
    path = os.path.join(leased.mount, A)
    if problem == "gone":
        os.rename(path, f"{path}.away")
    elif problem == "unreadable":
        filedomain.put_bytes(leased.mount, A, b"\xff")
    else:
        leased.add_mount("twin:_data", target=leased.mount)
    hint = leased.killed_runs()[2].partition(",")[0]
    command = shlex.split(hint)[1:]
    if problem != "twice":
        assert command == ["restore", A, "--from", "999999999"]
    refused = leased.process("set", A, *WHY, "--dry-run")
    assert refused.code != 0
    assert leased.joined(A)
    if problem == "twice":
        command = ["set", A, *WHY]
    assert leased.process(*command).code != 0
    leased.assert_tidy(A)


@needs_sanlock
@pytest.mark.parametrize("command", [["restore"], ["restore", "--from", "9"]])
def test_killed_run_is_tidied_where_there_is_no_copy(leased, command):
    leased.domain(sd_id=A)
    leased.kill_run("set", A, *WHY)
    shutil.rmtree(os.path.join(leased.history, A), ignore_errors=True)
    done = leased.process(command[0], A, *command[1:], "--dry-run")
    assert "error 985: " in done.err
    assert leased.joined(A)
    done = leased.process(command[0], A, *command[1:])
    assert "error 985: " in done.err
    leased.assert_tidy(A)


@needs_sanlock
@pytest.mark.parametrize("flag", [None, "True"], ids=["plain", "flagged"])
def test_doctor_names_the_command_that_tidies(leased, flag):
    reason = None if flag is None else "it's a copy"
    leased.domain(sd_id=A, BACKUP=flag, BACKUP_REASON=reason)
    assert leased.killed_runs()[0] == "ok"
    other = ["clear"] if flag else ["set"]
    leased.kill_run(*other, A, "--reason", "another")
    before = leased.bytes(A)
    state, text, hint = leased.killed_runs()
    assert state == "bad"
    assert A in text and "as host id 250" in text
    assert leased.joined(A)
    program, *command = shlex.split(hint.partition(", which only")[0])
    assert program == "vdsm-backup-domain"
    leased.process(*command)
    assert not leased.joined(A)
    assert leased.killed_runs()[0] == "ok"
    # It has changed nothing.
    assert leased.bytes(A) == before


@needs_sanlock
def test_doctor_tells_of_a_run_that_goes_on(leased):
    leased.domain(sd_id=A)
    with leased.start("set", A, *WHY) as process:
        wait_until(lambda: leased.joined(A))
        pid = leased.holder(A)
        state, text, _ = leased.killed_runs()
        assert state == "note" or process.poll() is not None
        assert f"pid {pid}" in text or process.poll() is not None
        process.communicate()
    assert process.returncode == 0
