# SPDX-License-Identifier: GPL-2.0-or-later
"""The command on block domains, with the real lvm and sanlock."""

import contextlib
import json
import os
import subprocess
import uuid

import pytest

from tests.support import commandline, testhost
from tests.support.hooks.needs import needs_sanlock, slow_to_join
from tests.support.lease import sanlockd
from tests.support.storage import loop
from tests.support.storage.blockdomain import BlockDomain
from tests.support.storage.blocktools import lvm_is, needs_block, seqno
from vdsm_backup.lease import client
from vdsm_backup.lvm import command as lvm_command

pytest_plugins = [
    "tests.support.storage.blockfixtures",
    "tests.support.clifixtures",
]
pytestmark = [
    slow_to_join,
    needs_block,
]

WHY = ["--reason", "nightly copies, & more"]


@pytest.fixture
def make_host(directory):
    """A host that sees these devices of a domain."""
    hosts = []

    def make(domain, *more):
        host = testhost.Host(
            os.path.join(directory, f"host{len(hosts)}"),
            io_timeout=30,
            block=[domain],
            devices=", ".join([*domain.devices, *more]),
        )
        hosts.append(host)
        return host

    yield make
    for host in hosts:
        host.close()


@needs_sanlock
def test_all_commands(block_domain, make_host):
    host = make_host(block_domain)
    sd_id = block_domain.sd_id
    before = block_domain.lines()
    with sanlockd.Host("host1") as host.sanlock:
        block_domain.initialize(host.sanlock)
        run = host.process

        done = run("set", "block1", *WHY, "--json")
        assert done.code == 0
        domain = done.json["domain"]
        assert set(domain) == commandline.DOMAIN
        assert (domain["kind"], domain["flag"]) == ("block", True)
        assert "BACKUP=True" in block_domain.lines()

        out = run("list").out
        rows = [line.split() for line in out.splitlines()]
        assert [sd_id, "block", "5", "no", "yes", "block1"] in rows
        assert "    reason: nightly copies, & more\n" in out
        assert run("verify").out == f"{sd_id}: ok, block1\n"

        done = run("show", sd_id, "--json")
        assert sorted(done.json["metadata"]) == block_domain.lines()
        device = block_domain.devices[0]
        done = make_host(block_domain).process("show", "--device", device)
        assert done.out.startswith(f"UUID              {sd_id}\n")

        commits = seqno(block_domain)
        assert run("set", sd_id, *WHY).out.startswith("Nothing to change")
        assert seqno(block_domain) == commits
        assert run("clear", sd_id, *WHY).code == 0
        assert run("restore", sd_id, "--from", "1").code == 0
        assert block_domain.lines() == before

        done = run("history", sd_id, "--json")
        assert [c["flag"] for c in done.json["copies"]] == [False, True, False]
    extra = os.path.join(host.history, sd_id, "000001.extra")
    with open(extra) as f:
        assert sd_id in f.read()


# Of the tool. The writer runs two more under the lease, vgchange and the pvs
# that reads back: overlap_block_test.py.
FIND, UNDER_LEASE, AT_THE_END, USERS = "pvs", "pvs", "pvs", "lvs"


@needs_sanlock
@pytest.mark.parametrize(
    "command, expected",
    [
        (
            "set",
            [FIND, USERS, UNDER_LEASE, "vgcfgbackup", USERS, AT_THE_END],
        ),
        ("clear", [FIND, UNDER_LEASE, "vgcfgbackup", AT_THE_END]),
    ],
)
def test_nothing_is_looked_at_twice(
    block_domain, make_host, monkeypatch, command, expected
):
    host = make_host(block_domain)
    log = os.path.join(block_domain.dir, "log")
    with sanlockd.Host("host1") as sanlock:
        block_domain.initialize(sanlock)
        for name, value in sanlock.env.items():
            monkeypatch.setenv(name, value)
        if command == "clear":
            assert host.run("set", block_domain.sd_id, *WHY).code == 0
        count = [f'echo "$1" >>{log}', 'exec $LVM "$@"']
        with lvm_is(block_domain.dir, *count):
            assert host.run(command, block_domain.sd_id, *WHY).code == 0
    with open(log) as f:
        assert f.read().split() == expected


def state(domain):
    """Tags, and how often the metadata was committed; of any VG there is."""
    return domain.report("vgs", "vg_tags,vg_seqno", "--foreign")


def set_is_refused(host, domain, code):
    before = state(domain)
    done = host.process("set", domain.sd_id, *WHY, "--json")
    assert (done.error, done.code) == (code, 1)
    assert state(domain) == before
    assert host.kept() == []
    return done.json["error"]["message"]


def test_exported(block_domain, make_host):
    block_domain.lvm(["vgexport", block_domain.sd_id])
    host = make_host(block_domain)
    assert "it is exported" in set_is_refused(host, block_domain, 968)
    assert host.process("list").code == 0


def test_foreign(block_domain, make_host):
    block_domain.lvm(
        ["vgchange", "--yes", "--systemid", "other", block_domain.sd_id]
    )
    host = make_host(block_domain)
    assert "it is foreign" in set_is_refused(host, block_domain, 968)


@contextlib.contextmanager
def read_only(device):
    subprocess.run(["blockdev", "--setro", device], check=True)
    try:
        yield
    finally:
        subprocess.run(["blockdev", "--setrw", device], check=True)


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_lun_that_is_read_only(block_domain, make_host, dry):
    """Nothing is tried: what LVM says of it does not tell much."""
    host = make_host(block_domain)
    before = state(block_domain)
    sd_id, device = block_domain.sd_id, block_domain.devices[0]
    with read_only(device):
        done = host.process("set", sd_id, *WHY, *dry)
        nothing = host.process("clear", sd_id, *WHY, *dry)
    assert done.code == 1
    assert f"error 9624: The flag of storage domain {sd_id}" in done.err
    assert f"cannot be changed: {device} is read-only\n" in done.err
    assert f"blockdev --setrw {device}\n" in done.err
    assert (nothing.code, nothing.err) == (0, "")
    assert state(block_domain) == before


def test_lun_without_metadata_that_is_read_only(block_domain, make_host):
    """LVM writes nothing there."""
    host = make_host(block_domain)
    with read_only(block_domain.devices[1]):
        done = host.process("set", block_domain.sd_id, *WHY, "--dry-run")
    assert (done.code, "would become a backup" in done.out) == (0, True)


def test_no_storage_domain(block_domain, make_host):
    block_domain.change_tags(delete=["RHAT_storage_domain"])
    host = make_host(block_domain)
    set_is_refused(host, block_domain, 956)
    (row,) = host.process("list", "--json").json["domains"]
    assert (row["flag"], row["error"]["code"]) == (None, 9622)


def test_replica_beside_its_origin(block_domain, make_host):
    copies = [block_domain.copy_device(i) for i in (0, 1)]
    host = make_host(block_domain, *copies)
    done = host.process("set", block_domain.sd_id, *WHY, "--json")
    assert done.code == 1
    assert done.error in (957, 968)
    assert all(c in done.json["error"]["message"] for c in copies)
    done = host.process("list", "--json")
    assert done.code == 3
    assert all(row["flag"] is None for row in done.json["domains"])
    places = json.dumps([row["place"] for row in done.json["domains"]])
    assert all(device in places for device in [*copies, *block_domain.devices])


@needs_sanlock
def test_one_lun_that_is_seen_as_two_devices(block_domain, make_host):
    again = [loop.attach(path) for path in block_domain.files]
    host = make_host(block_domain, *again)
    before = state(block_domain)
    done = host.process("set", block_domain.sd_id, *WHY)
    assert done.code == 1
    assert all(d in done.err for d in [*block_domain.devices, *again])
    assert "name one of them in [lvm] devices" in done.err
    assert state(block_domain) == before
    host.configure(devices=", ".join(block_domain.devices))
    with sanlockd.Host("host1") as host.sanlock:
        block_domain.initialize(host.sanlock)
        done = host.process("set", block_domain.sd_id, *WHY)
    assert done.code == 0, done.err
    assert "BACKUP=True" in block_domain.lines()


@pytest.mark.parametrize(
    "tag, code",
    [("MDT_CLASS=Iso", 967), ("MDT_X=&1114112&", 967), ("MDT_nonsense", 967)],
)
def test_damaged_tags(block_domain, make_host, tag, code):
    block_domain.change_tags(add=[tag])
    host = make_host(block_domain)
    set_is_refused(host, block_domain, code)


def test_tag_with_terminal_escapes(block_domain, make_host):
    evil = "a\x1b[2Jb\u202ec"
    block_domain.change_tags(
        add=["MDT_DESCRIPTION=a&27&&91&2Jb&8238&c"],
        delete=["MDT_DESCRIPTION=block1"],
    )
    host = make_host(block_domain)
    for args in (["list"], ["verify"], ["show", block_domain.sd_id]):
        done = host.process(*args)
        assert commandline.hidden(done.out + done.err) == []
        if args != ["list"]:
            assert r"a\x1b[2Jb\u202ec" in done.out
    done = host.process("show", block_domain.sd_id, "--json")
    assert done.json["domain"]["name"] == evil
    assert done.json["domain"]["seal"] == "broken"


def test_device_that_is_not_there(block_domain, make_host):
    host = make_host(block_domain, "/dev/nosuch")
    done = host.process("list", "--json")
    assert done.code == 3
    rows = {row["place"]: row["error"] for row in done.json["domains"]}
    (place,) = [place for place in rows if place.startswith("VG")]
    assert rows.pop(place) is None
    assert [error["code"] for error in rows.values()] == [969]
    # The domain may be on the device.
    missing = str(uuid.uuid4())
    done = host.process("show", missing, "--json")
    assert done.error == 9612
    message = done.json["error"]["message"]
    assert "/dev/nosuch (error 969: " in message
    assert "device not found" in message
    assert host.process("show", block_domain.sd_id).code == 0


@pytest.mark.parametrize("configured", [True, False])
def test_named_device_that_is_not_there(block_domain, make_host, configured):
    host = make_host(block_domain, *["/dev/nosuch"] * configured)
    done = host.process("show", "--device", "/dev/nosuch", "--json")
    assert done.error == 969
    hints = " ".join(done.json["error"]["hints"])
    assert ("take it out of [lvm] devices" in hints) is configured


def test_a_list_of_devices_is_no_device(block_domain, make_host):
    host = make_host(block_domain)
    both = ",".join(block_domain.devices)
    assert host.process("show", "--device", both, "--json").error == 990


def test_no_device_runs_no_lvm(directory, monkeypatch):
    monkeypatch.setattr(lvm_command, "LVM", "/nonexistent")
    with testhost.Host(os.path.join(directory, "host")) as host:
        assert host.json("list").json["domains"] == []


# A look at LVM opens and reads all LUNs of the host: there may be hundreds,
# with many domains on them. The writer's own looks are not counted: two.


@pytest.fixture
def looks(directory, monkeypatch):
    """Calls a command line, and says how often it has looked."""
    monkeypatch.setattr(client, "take", commandline.free_lease)
    log = os.path.join(directory, "log")

    def of(host, *args):
        open(log, "w").close()
        assert host.json(*args).code == 0
        with open(log) as f:
            lines = f.read().splitlines()
        # A scan asks for --all; what is limited to the devices of one domain
        # does not.
        return len([s for s in lines if s.startswith("pvs ") and "--all" in s])

    with lvm_is(directory, f'echo "$@" >>{log}', 'exec $LVM "$@"'):
        yield of


@pytest.mark.parametrize(
    "args, count",
    [
        # One look, that which finds them.
        (["list"], 1),
        (["verify"], 1),
        # Found by its name, then read.
        (["show", "block1"], 2),
        (["check", "block1", "--operation", "run"], 2),
        # Found; read under the lease; read at the end.
        (["set", "block1", *WHY], 3),
        (["clear", "block1", *WHY], 3),
    ],
)
def test_looks_at_all_devices(
    block_dir, block_domain, make_host, looks, args, count
):
    with contextlib.closing(
        BlockDomain(block_dir, DESCRIPTION="other")
    ) as other:
        host = make_host(block_domain, *other.devices)
        if args[0] == "clear":
            assert host.json("set", "block1", *WHY).code == 0
        assert looks(host, *args) == count
