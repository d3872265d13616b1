# SPDX-License-Identifier: GPL-2.0-or-later
"""What set and clear refuse."""

import contextlib
import os
import shlex

import pytest

from tests.support import commandline
from tests.support.storage import filedomain
from vdsm_backup import errors
from vdsm_backup.lease import client
from vdsm_backup.users import users

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
POOL = "11111111-2222-3333-4444-555555555555"
WHY = ["--reason", "nightly copies"]


def test_refused_while_in_use(host):
    host.domain(sd_id=A)
    before = host.bytes(A)
    host.users = users.Users(["VM web1 (disk vda)"], ["image i/v"])
    done = host.run("set", A, *WHY)
    assert done.err.splitlines()[0] == (
        f"vdsm-backup-domain: error 975: Storage domain {A} is in use:"
        " VM web1 (disk vda); image i/v"
    )
    assert (done.code, done.out) == (4, "")
    assert host.bytes(A) == before
    assert host.run("clear", A, *WHY).code == 0


def test_attached(host):
    host.domain(sd_id=A, POOL_UUID=POOL)
    before = host.bytes(A)
    done = host.json("set", A, *WHY)
    assert (done.error, done.code) == (972, 4)
    assert host.bytes(A) == before
    # The next step stands there, for a shell.
    (hint,) = [x for x in done.json["error"]["hints"] if "DANGEROUS" in x]
    _, _, command = hint.partition(": ")
    assert command.endswith(" --pool-is-gone")
    assert host.run(*shlex.split(command)[1:]).code == 0
    assert host.values(A)["BACKUP"] == "True"


def test_pool_is_gone_but_vdsm_is_not(host):
    host.start_vdsm()
    host.domain(sd_id=A, POOL_UUID=POOL)
    before = host.bytes(A)
    done = host.json("set", A, *WHY, "--pool-is-gone")
    assert (done.error, done.code) == (973, 4)
    assert host.bytes(A) == before


def test_hosted_engine(host):
    host.domain(sd_id=A)
    host.hosted_engine = A
    before = host.bytes(A)
    done = host.json("set", A, *WHY)
    assert (done.error, done.code) == (960, 4)
    assert host.bytes(A) == before


def test_lease_that_is_not_free(host, monkeypatch):
    @contextlib.contextmanager
    def take(request, progress):
        raise errors.LeaseBusy(A, "host id 7")
        yield

    monkeypatch.setattr(client, "take", take)
    host.domain(sd_id=A)
    before = host.bytes(A)
    done = host.run("set", A, *WHY)
    assert f"error 976: The SDM lease of storage domain {A} is" in done.err
    assert done.code == 4
    assert host.bytes(A) == before
    assert host.kept() == []


def test_place_of_copies_that_cannot_be_made(host):
    host.domain(sd_id=A)
    before = host.bytes(A)
    with open(host.history, "w"):
        pass
    done = host.json("set", A, *WHY)
    assert done.error == 984
    assert host.bytes(A) == before


@pytest.mark.parametrize("command", ["set", "clear"])
@pytest.mark.parametrize(
    "reason, words",
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("two\nlines", r"without control characters, it has \n"),
        ("a\x1b[2J", r"without control characters, it has \x1b"),
        ("a\x85b", r"without control characters, it has \x85"),
        ("a\u2028b", r"without control characters, it has \u2028"),
        ("a\udc80b", r"without control characters, it has \udc80"),
        ("x" * 1007, "it takes 1007 characters as a VG tag, 1006 fit"),
        (" a" * 300, "it takes 1496 characters as a VG tag, 1006 fit"),
    ],
)
def test_reason_that_cannot_be_stored(host, command, reason, words):
    host.domain(sd_id=A)
    before = host.bytes(A)
    done = host.run(command, A, "--reason", reason)
    assert words in done.err
    assert done.err.startswith("vdsm-backup-domain: error 971: ")
    assert commandline.hidden(done.err) == []
    assert done.code == 2
    assert host.bytes(A) == before


# Which domain is meant


def test_name_that_two_domains_have(host):
    host.domain(sd_id=A, name="data1")
    host.domain(sd_id=B, name="data1")
    done = host.run("set", "data1", *WHY)
    assert (done.code, done.out) == (1, "")
    assert "error 957: data1 is not unique, found: " in done.err
    assert A in done.err and B in done.err
    assert host.kept() == []


def test_name_in_a_place_that_cannot_be_read(host):
    """There may be another one of this name."""
    host.domain(sd_id=A, name="data1")
    host.domain(sd_id=B, name="data2")
    filedomain.put_bytes(host.mount, B, b"\xff")
    assert host.json("set", "data1", *WHY).error == 9609
    assert host.run("set", A, *WHY).code == 0


def test_replica_beside_its_origin(host):
    other = host.add_mount("replica:_data")
    host.domain(sd_id=A)
    host.domain(sd_id=A, mount=other)
    before = host.bytes(A), filedomain.get_bytes(other, A)
    done = host.json("set", A, *WHY)
    assert (done.error, done.code) == (957, 1)
    for mount in (host.mount, other):
        assert os.path.join(mount, A) in done.json["error"]["message"]
    assert (host.bytes(A), filedomain.get_bytes(other, A)) == before
