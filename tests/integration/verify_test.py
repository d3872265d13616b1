# SPDX-License-Identifier: GPL-2.0-or-later
"""
verify with the real users, mounts and sanlock: what a mode or a fake cannot
tell.
"""

import os
import time

import pytest

from tests.support import testhost
from tests.support.clifixtures import SLACK, A, B
from tests.support.hooks.needs import (
    VDSM,
    needs_fuse,
    needs_other_user,
    needs_sanlock,
    slow_to_join,
)
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.storage import filedomain, hangfs, leasefiles
from tests.support.waiting import SOON

pytest_plugins = ["tests.support.clifixtures"]


@pytest.fixture
def vdsm_host(directory):
    """As on a host: root starts us, and files are those of vdsm:kvm."""
    path = os.path.join(directory, "host")
    with testhost.Host(path, user=VDSM[0], group=VDSM[1]) as host:
        host.domain(sd_id=A, owner=VDSM)
        yield host


def row(host, **options):
    done = host.process("--json", "verify", **options)
    (found,) = done.json["domains"]
    return found


def problems(host, **options):
    found = row(host, **options)["problems"]
    return [(p["code"], p["message"]) for p in found]


def dom_md(host, name=""):
    return os.path.join(host.mount, A, "dom_md", name)


@needs_other_user
class TestOwnersAndModes:
    def test_as_vdsm_makes_them(self, vdsm_host):
        found = row(vdsm_host)
        assert (found["problems"], found["notes"]) == ([], [])
        assert "owners and modes" in found["looked_at"]

    @pytest.mark.parametrize("mode", [0o644, 0o600])
    def test_metadata_of_root(self, vdsm_host, mode):
        path = filedomain.path(vdsm_host.mount, A)
        os.chown(path, 0, 0)
        os.chmod(path, mode)
        found = dict(problems(vdsm_host))
        assert "dom_md/metadata" in found[9621]
        assert "0:0" in found[9621]
        if mode == 0o644:
            # It can be read, and not replaced.
            assert list(found) == [9621]
            assert "belongs to 0:0, and not to 36:36" in found[9621]

    def test_metadata_that_is_closed(self, vdsm_host):
        os.chmod(filedomain.path(vdsm_host.mount, A), 0)
        found = dict(problems(vdsm_host))
        assert "owner 36:36, mode 0000" in found[9621]

    @pytest.mark.parametrize(
        "owner, mode", [((0, 0), 0o755), (VDSM, 0o555), ((0, 36), 0o755)]
    )
    def test_dom_md_that_cannot_be_written(self, vdsm_host, owner, mode):
        os.chown(dom_md(vdsm_host), *owner)
        os.chmod(dom_md(vdsm_host), mode)
        ((code, message),) = problems(vdsm_host)
        assert code == 9621
        assert "cannot use dom_md of" in message
        assert f"owner {owner[0]}:{owner[1]}, mode {mode:04o}" in message

    def test_dom_md_that_is_closed(self, vdsm_host):
        os.chmod(dom_md(vdsm_host), 0)
        done = vdsm_host.process("--json", "verify")
        found = done.json["domains"]
        assert [r["ok"] for r in found] == [False]

    def test_directory_that_is_closed(self, vdsm_host):
        os.chmod(os.path.join(vdsm_host.mount, A), 0o700)
        os.chown(os.path.join(vdsm_host.mount, A), 0, 0)
        found = row(vdsm_host)
        assert (found["id"], found["ok"]) == (A, False)
        assert {p["code"] for p in found["problems"]} == {961, 9621}

    @pytest.mark.parametrize("name", ["ids", "leases"])
    @pytest.mark.parametrize(
        "owner, mode, well",
        [
            (VDSM, 0o600, False),
            (VDSM, 0o640, False),
            ((0, 0), 0o660, False),
            ((0, 36), 0o660, True),
            ((0, 0), 0o666, True),
        ],
    )
    def test_files_of_sanlock(self, vdsm_host, name, owner, mode, well):
        path = dom_md(vdsm_host, name)
        os.chown(path, *owner)
        os.chmod(path, mode)
        found = problems(vdsm_host)
        if well:
            assert found == []
            return
        code, message = found[0]
        assert code == 9621
        assert f"dom_md/{name}" in message

    def test_server_that_maps_all_users_to_one(self, vdsm_host):
        """all_squash: every file shows as that of another user."""
        for top, _, names in os.walk(os.path.join(vdsm_host.mount, A)):
            for one in [top, *(os.path.join(top, n) for n in names)]:
                os.chown(one, 65534, 65534)
                os.chmod(one, 0o777 if one == top else 0o666)
        found = row(vdsm_host)
        assert found["problems"] == []
        assert "metadata, as dom_md: it belongs to 65534" in found["notes"][0]

    def test_a_group_that_the_directory_gives(self, vdsm_host):
        os.chown(dom_md(vdsm_host), 36, 100)
        os.chmod(dom_md(vdsm_host), 0o2775)
        os.chown(filedomain.path(vdsm_host.mount, A), 36, 100)
        assert problems(vdsm_host) == []


@needs_namespace
def test_mount_that_is_read_only(vdsm_host):
    with Namespace() as ns:
        ns.run("mount", "--bind", vdsm_host.mount, vdsm_host.mount)
        ns.run("mount", "-o", "remount,bind,ro", vdsm_host.mount)
        ((code, message),) = problems(vdsm_host, inside=ns.enter())
    assert code == 9621
    assert "Read-only file system" in message
    assert f"{vdsm_host.mount} is mounted read-only on this host" in message


@needs_namespace
@pytest.mark.parametrize(
    "options, words", [("nr_inodes=40", "inode"), ("size=5m", "space")]
)
def test_file_system_that_is_full(vdsm_host, options, words):
    """Of inodes, or of blocks."""
    with Namespace() as ns:
        away = f"{vdsm_host.repo}.away"
        os.mkdir(away)
        ns.run("mount", "--bind", vdsm_host.mount, away)
        ns.run("mount", "-t", "tmpfs", "-o", options, "t", vdsm_host.mount)
        ns.run("cp", "-a", "--sparse=always", f"{away}/{A}", vdsm_host.mount)
        fill = 'cd "$1"; i=0; while echo x >f$i; do i=$((i+1)); done'
        fill += "; dd if=/dev/zero of=big bs=4k; rm -f f0; true"
        if words == "inode":
            fill = fill.partition("; dd")[0] + "; true"
        else:
            fill = 'cd "$1"; dd if=/dev/zero of=big bs=4k; true'
        ns.run("sh", "-c", fill, "sh", vdsm_host.mount)
        ((code, message),) = problems(vdsm_host, inside=ns.enter())
    assert code == 9624
    assert f"no {words} is free" in message


@needs_fuse
@pytest.mark.slow("the io timeout is long enough for a busy machine")
@pytest.mark.parametrize("name", ["ids", "leases", "xleases"])
def test_area_that_hangs(host, name):
    """The metadata is read; then each answer comes after the io timeout."""
    with hangfs.Hangfs() as fs:
        mount = os.path.join(host.repo, "mnt", "hung:_x")
        os.symlink(fs.mount, mount)
        host.domain(sd_id=A, name="good")
        host.domain(sd_id=B, name="hung", mount=fs.root)
        fs.hang("read", name)
        host.configure(io_timeout=SOON)
        started = time.monotonic()
        done = host.process("--json", "verify")
        assert time.monotonic() - started < 4 * SOON + SLACK
    good, hung = done.json["domains"]
    assert (done.code, good["ok"]) == (3, True)
    assert [p["code"] for p in hung["problems"]] == [962]


@needs_sanlock
@slow_to_join
def test_what_sanlock_makes(host, sanlock):
    """It is well, also when a host is in it; and our fakes are like it."""
    host.sanlock = sanlock
    host.domain(sd_id=A)
    fake = {n: dom_md(host, n) for n in ("ids", "leases")}
    for name, path in fake.items():
        with open(path, "rb") as f:
            fake[name] = f.read()
        os.truncate(path, 0)
    assert {code for code, _ in problems(host)} == {9620}
    leases = host.initialize(A)
    with open(leases.leases, "rb") as f:
        assert f.read() == fake["leases"]
    with open(leases.ids, "rb") as f:
        real = f.read()
    assert len(real) == len(fake["ids"])
    timeout = {"io_timeout": leasefiles_timeout(real)}
    one = leasefiles.slot(A, **timeout)
    assert real == (one * leasefiles.HOSTS).ljust(leasefiles.MIB, b"\0")

    sanlock.join(leases, 7)
    try:
        with sanlock.holding(leases):
            found = row(host)
        assert (found["problems"], found["notes"]) == ([], [])
        found = row(host)
        assert (found["problems"], found["notes"]) == ([], [])
    finally:
        sanlock.leave(leases, 7)


def leasefiles_timeout(data):
    """sanlock's I/O timeout in a slot."""
    return int.from_bytes(data[174:176], "little")
