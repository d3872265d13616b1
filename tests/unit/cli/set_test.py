# SPDX-License-Identifier: GPL-2.0-or-later
"""set and clear. A real writer process writes; the lease is played."""

import os
import shlex
import stat

import pytest

from tests.support import commandline
from tests.support.storage import filedomain
from vdsm_backup.lease import client
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.users import users

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
POOL = "11111111-2222-3333-4444-555555555555"
WHY = ["--reason", "nightly copies"]


def test_set(host):
    host.domain(sd_id=A, name="data1")
    before = host.values(A)
    done = host.run("set", "data1", *WHY)
    now = flag.read(host.values(A), A)
    assert done.out.splitlines() == [
        f"Storage domain data1 ({A}) is a backup domain now.",
        f"    since {now.since} by {now.by}",
        "    reason: nightly copies",
    ]
    named = f"note: data1 is storage domain {A}\n"
    assert done.err == f"{named}note: not seen: anything\n"
    assert done.code == 0
    assert (now.value, now.reason) == (True, "nightly copies")
    assert host.values(A) == flag.apply(before, now)


def test_clear(host):
    host.domain(sd_id=A, name="data1", BACKUP="True", BACKUP_REASON="x")
    done = host.run("clear", "data1", *WHY)
    assert done == commandline.Done(
        0,
        f"Storage domain data1 ({A}) is no longer a backup domain.\n",
        f"note: data1 is storage domain {A}\n",
    )
    now = flag.read(host.values(A), A)
    assert (now.value, now.reason) == (False, "nightly copies")


@pytest.mark.parametrize("command", ["set", "clear"])
def test_json(host, command):
    host.domain(sd_id=A, BACKUP=str(command == "clear"))
    done = host.json(command, A, *WHY)
    assert set(done.json) == commandline.CHANGED
    assert done.json["changed"] is True
    assert done.json["dry_run"] is False
    assert set(done.json["domain"]) == commandline.DOMAIN
    assert done.json["domain"]["flag"] is (command == "set")
    assert done.json["domain"]["reason"] == "nightly copies"
    assert done.json["domain"]["seal"] == "valid"
    notes = ["not seen: anything"] if command == "set" else []
    assert done.json["notes"] == notes


@pytest.mark.parametrize("command", ["set", "clear"])
def test_nothing_to_change(host, command):
    host.domain(sd_id=A)
    assert host.run(command, A, *WHY).code == 0
    before = host.bytes(A)
    kept = host.kept()
    done = host.run(command, A, *WHY)
    assert done.out.startswith("Nothing to change: storage domain data1 (")
    assert (done.code, done.err) == (0, "")
    assert host.bytes(A) == before
    assert host.kept() == kept
    data = host.json(command, A, *WHY).json
    assert data["changed"] is False
    assert data["domain"]["flag"] is (command == "set")


@pytest.mark.parametrize("command", ["set", "clear"])
def test_dry_run(host, command):
    flagged = str(command == "clear")
    host.domain(sd_id=A, name="data1", BACKUP=flagged, BACKUP_REASON="old")
    before = host.bytes(A)
    done = host.run(command, A, *WHY, "--dry-run")
    first, *difference = done.out.splitlines()
    words = {"set": "become", "clear": "stop being"}
    assert first == (
        f"Dry run, nothing was written: storage domain data1 ({A}) would"
        f" {words[command]} a backup domain."
    )
    assert "  - BACKUP_REASON=old" in difference
    assert "  + BACKUP_REASON=nightly copies" in difference
    assert not any("CLASS" in line for line in difference)
    assert "note: a dry run takes no lease" in done.err
    assert done.code == 0
    data = host.json(command, A, *WHY, "--dry-run").json
    assert (data["changed"], data["dry_run"]) == (True, True)
    assert data["domain"]["reason"] == "nightly copies"
    assert host.bytes(A) == before
    assert not os.path.exists(host.history)
    assert not os.path.exists(host.run_dir)


def test_a_copy_is_kept_for_us_alone(host):
    host.domain(sd_id=A)
    host.run("set", A, *WHY)
    assert host.kept() == ["000001.json"]
    assert stat.S_IMODE(os.stat(host.history).st_mode) == 0o700


def test_progress_is_for_a_terminal_only(host):
    host.domain(sd_id=A)
    assert "taking a lease" not in host.run("set", A, *WHY).err
    done = host.run("clear", A, *WHY, terminal=True)
    assert "taking a lease ...\n" in done.err
    assert "taking a lease" not in done.out


def test_texts_are_not_wrapped_on_a_terminal(host):
    name, why = "n" * 50, "why " * 49 + "why"
    host.domain(sd_id=A, name=name)
    done = host.run("set", A, "--reason", why, terminal=True)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == f"Storage domain {name} ({A}) is a backup domain now."
    assert lines[2:] == [f"    reason: {why}"]


def test_timeout_is_that_of_the_lease(host, monkeypatch):
    requests = []

    def take(request, progress):
        requests.append(request)
        return commandline.free_lease(request, progress)

    monkeypatch.setattr(client, "take", take)
    host.domain(sd_id=A)
    host.run("set", A, *WHY, "--timeout", "7.5")
    host.run("clear", A, *WHY)
    assert [request.timeout for request in requests] == [7.5, 180]
    first = requests[0]
    dom_md = os.path.join(host.mount, A, "dom_md")
    assert first.ids == os.path.join(dom_md, "ids")
    assert first.leases == os.path.join(dom_md, "leases")
    assert (first.align, first.offset, first.sector) == (2**20, 2**20, 512)
    assert (first.sd_id, first.require_alone) == (A, True)


def test_longest_reason(host):
    host.domain(sd_id=A)
    assert host.run("set", A, "--reason", "x" * 1006).code == 0
    assert len(flag.read(host.values(A), A).reason) == 1006


def test_accept_origin(host):
    host.domain(sd_id=A, BACKUP_ORIGIN="file:nfs,ino:1,at:x")
    host.run("set", A, *WHY)
    filedomain.put(
        host.mount,
        A,
        md_lines.flush(
            {**host.values(A), "BACKUP_ORIGIN": "file:nfs,ino:1,at:x"}
        ),
    )
    done = host.json("set", A, *WHY)
    assert done.json["domain"]["origin_match"] == "copied"
    assert done.json["changed"] is False
    done = host.json("set", A, *WHY, "--accept-origin")
    assert done.json["domain"]["origin_match"] == "same"
    assert done.json["changed"] is True


def test_despite_open_images(host):
    host.domain(sd_id=A)
    host.users = users.Users(images=["image i/v"])
    done = host.json("set", A, *WHY)
    assert done.error == 975
    # The next step stands there, for a shell.
    (hint,) = [x for x in done.json["error"]["hints"] if "DANGEROUS" in x]
    _, _, command = hint.partition(": ")
    assert command.endswith(" --despite-open-images")
    done = host.run(*shlex.split(command)[1:])
    assert done.code == 0
    assert "note: image i/v\n" in done.err


def test_pool_is_gone(host):
    host.domain(sd_id=A, POOL_UUID=POOL)
    done = host.run("set", A, *WHY, "--pool-is-gone")
    assert done.code == 0
    assert "becomes SPM within 300 seconds may write the old" in done.err
