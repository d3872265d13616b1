# SPDX-License-Identifier: GPL-2.0-or-later
"""A reason of somebody else is not replaced by accident; and --by."""

import os
import socket

import pytest

from vdsm_backup.change.request import Request

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
MINE = ["--reason", "mine"]
THEIRS = {
    "BACKUP": "True",
    "BACKUP_REASON": "theirs",
    "BACKUP_BY": "eve@host2",
    "BACKUP_SINCE": "2026-11-22T11:40:00Z",
}


@pytest.mark.parametrize("more", [[], ["--dry-run"], ["--accept-origin"]])
def test_another_reason(host, more):
    host.domain(sd_id=A, **THEIRS)
    before = host.bytes(A)
    done = host.run("set", A, *MINE, *more)
    assert (done.code, done.out) == (4, "")
    assert (
        "error 9601: Storage domain" in done.err
        and "set 2026-11-22T11:40:00Z by eve@host2" in done.err
        and "the reason is another one: theirs" in done.err
    )
    # What was typed, and not what is to be typed once more.
    (hint,) = [s for s in done.err.splitlines() if s.startswith("hint: ")]
    typed = f"vdsm-backup-domain set {A} --reason mine --config {host.config}"
    again = " ".join([typed, *more, "--replace"])
    assert hint == f"hint: if yours is to replace it: {again}"
    assert (host.bytes(A), host.kept()) == (before, [])
    assert host.json("set", A, *MINE, *more).error == 9601


def test_replace(host):
    host.domain(sd_id=A, **THEIRS)
    assert host.run("set", A, *MINE, "--replace").code == 0
    values = host.values(A)
    assert (values["BACKUP"], values["BACKUP_REASON"]) == ("True", "mine")
    # Where nothing is there to be replaced it makes no difference.
    before = host.bytes(A)
    assert host.json("set", A, *MINE, "--replace").json["changed"] is False
    assert host.bytes(A) == before


def test_same_reason(host):
    host.domain(sd_id=A, **THEIRS)
    done = host.json("set", A, "--reason", "theirs")
    assert (done.code, done.json["changed"]) == (0, False)


@pytest.mark.parametrize("flag", [None, "False"])
@pytest.mark.parametrize("reason", [None, "of old"])
def test_clear_of_what_is_not_flagged(host, flag, reason):
    host.domain(sd_id=A, BACKUP=flag, BACKUP_REASON=reason)
    before = host.bytes(A)
    done = host.json("clear", A, *MINE)
    assert (done.code, done.json["changed"]) == (0, False)
    assert host.run("clear", A, *MINE).out == (
        f"Nothing to change: storage domain data1 ({A}) is not a backup"
        " domain.\n"
    )
    assert (host.bytes(A), host.kept()) == (before, [])


def test_verbs_of_vdsm_replace():
    assert Request("set").replace is True


@pytest.mark.parametrize(
    "by, stored",
    [("eve@engine", "eve@engine"), ("eve", f"eve@{socket.gethostname()}")],
)
@pytest.mark.parametrize("command", ["set", "clear"])
def test_by(host, command, by, stored):
    host.domain(sd_id=A, BACKUP=str(command == "clear"))
    assert host.run(command, A, *MINE, "--by", by).code == 0
    assert host.values(A)["BACKUP_BY"] == stored


@pytest.mark.parametrize("command", ["set", "clear"])
def test_by_is_for_root(host, monkeypatch, command):
    host.domain(sd_id=A)
    before = host.bytes(A)
    monkeypatch.setattr(os, "getuid", lambda: 36)
    host.configure(user=36, group=36)
    done = host.run(command, A, *MINE, "--by", "eve")
    assert done.code == 1
    assert "error 9608: This needs root: sudo vdsm-backup-domain" in done.err
    assert host.bytes(A) == before
