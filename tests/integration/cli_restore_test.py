# SPDX-License-Identifier: GPL-2.0-or-later
"""
restore on real file and block domains with a real lease: no damage passes for
a domain without a flag, and the guard goes on refusing.
"""

import contextlib
import os

import pytest

from tests.support import testhost
from tests.support.clifixtures import IO_TIMEOUT, OWNER, WHY, A
from tests.support.hooks.needs import needs_sanlock, slow_to_join
from tests.support.storage import filedomain
from tests.support.storage.blocktools import needs_block, seqno
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines

pytest_plugins = [
    "tests.support.storage.blockfixtures",
    "tests.support.clifixtures",
]
pytestmark = [
    slow_to_join,
    needs_sanlock,
]

POOL = "11111111-2222-3333-4444-555555555555"

# Of the lines of a flagged domain, what is left. The first is what VDSM makes
# of a domain whose metadata is missing when it is given another name.
DAMAGES = {
    "two lines": lambda lines: md_lines.flush({"DESCRIPTION": "renamed"}),
    "flag gone": lambda lines: [x for x in lines if x[:6] != "BACKUP"],
    "cut": lambda lines: sorted(lines)[8:],
    "seal gone": lambda lines: [x for x in lines if x[:4] != "_SHA"],
    "edited": lambda lines: [
        "BACKUP=False" if x == "BACKUP=True" else x for x in lines
    ],
    "all gone": lambda lines: [],
}


class Tool:
    """The command on a host, about one domain."""

    def __init__(self, host, sd_id):
        self.host = host
        self.sd_id = sd_id

    def __call__(self, command, *args):
        return self.host.process("--json", command, self.sd_id, *args)

    def restore_is_refused(self, state):
        before, copies = state(), self.host.kept()
        done = self("restore")
        assert (done.error, done.code) == (993, 4)
        assert state() == before
        assert self.host.kept() == copies
        self.vm_is_refused()
        return done.json["error"]["message"]

    def vm_is_refused(self):
        done = self("check", "--operation", "run")
        assert (done.code, done.json["allowed"]) == (4, False)


# File domains


class Files:
    """A file domain, and hosts that have mounted it."""

    def __init__(self, directory, sanlock):
        self._dir = directory
        self._sanlock = sanlock
        self._hosts = contextlib.ExitStack()
        first = self._host("a")
        self.mount = first.mount
        first.domain(sd_id=A, owner=OWNER)
        first.initialize(A)
        self.a = Tool(first, A)

    def _host(self, name):
        user, group = OWNER
        path = os.path.join(self._dir, name)
        options = {"sanlock": self._sanlock, "user": user, "group": group}
        host = testhost.Host(path, IO_TIMEOUT, **options)
        return self._hosts.enter_context(host)

    def another(self):
        """Another host, with a history of its own."""
        host = self._host("b")
        os.rmdir(host.mount)
        os.symlink(self.mount, host.mount)
        return Tool(host, A)

    def bytes(self):
        if not os.path.exists(filedomain.path(self.mount, A)):
            return None
        return filedomain.get_bytes(self.mount, A)

    def lines(self):
        return encoding.decode_file(self.bytes(), A)

    def close(self):
        self._hosts.close()


@pytest.fixture
def files(directory, sanlock):
    with contextlib.closing(Files(directory, sanlock)) as made:
        yield made


def test_file_domain(files):
    before = files.lines()
    assert files.a("set", *WHY).code == 0
    flagged = files.lines()
    for damage in DAMAGES.values():
        filedomain.put(files.mount, A, damage(flagged))
        files.a.restore_is_refused(files.bytes)
    os.unlink(filedomain.path(files.mount, A))
    message = files.a.restore_is_refused(files.bytes)
    assert "not whole (error 992)" in message
    done = files.a("restore", "--from", "1")
    assert (done.code, done.json["domain"]["flag"]) == (0, False)
    assert files.lines() == before
    assert files.a("check", "--operation", "run").code == 0


def test_the_flag_is_on_another_host(files):
    """Each step that the refusal names."""
    other = files.another()
    assert other("set", *WHY).code == 0
    assert other("clear", "--reason", "no more").code == 0
    assert files.a("set", *WHY).code == 0
    two_lines = DAMAGES["two lines"](files.lines())
    filedomain.put(files.mount, A, two_lines)
    files.a.restore_is_refused(files.bytes)

    copies = other("history").json["copies"]
    assert [copy["flag"] for copy in copies] == [False, True]
    shown = other("history", "--show", "2").json["copy"]
    for args in (["--dry-run"], ["--from", "2"]):
        done = other("restore", *args)
        assert done.code == 0
        assert done.json["domain"]["reason"] == WHY[1]
        assert done.json["copy"]["number"] == 2
        assert done.json["difference"] == {
            "removed": two_lines,
            "added": shown["lines"],
        }
    assert files.lines() == shown["lines"]
    files.a.vm_is_refused()


def test_a_copy_travels_to_another_host(files, directory):
    """In a file that root alone can read, as root's umask may have it."""
    other = files.another()
    assert other("set", *WHY).code == 0
    flagged = files.lines()
    assert other("clear", "--reason", "no more").code == 0
    path = os.path.join(directory, "copy.json")
    with open(path, "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write(other("history", "--export", "2").out)
    filedomain.put(files.mount, A, DAMAGES["two lines"](files.lines()))
    assert files.a("restore").error == 985
    done = files.a("restore", "--file", path)
    assert (done.code, done.json["domain"]["flag"]) == (0, True)
    assert files.lines() == flagged
    st = os.stat(filedomain.path(files.mount, A))
    assert (st.st_uid, st.st_gid) == OWNER
    files.a.vm_is_refused()


def test_what_vdsm_wrote_since_is_shown(files):
    assert files.a("set", *WHY).code == 0
    assert files.a("clear", "--reason", "no more").code == 0
    values = md_lines.parse(files.lines()).values
    values.update(DESCRIPTION="renamed", POOL_UUID=POOL, LEASETIMESEC="61")
    filedomain.put(files.mount, A, md_lines.flush(values)[:-1])
    dry, done = (
        files.a("restore", "--pool-is-gone", *more)
        for more in (["--dry-run"], [])
    )
    assert done.code == 0
    assert done.json["difference"] == dry.json["difference"]
    removed = done.json["difference"]["removed"]
    assert f"POOL_UUID={POOL}" in removed
    for there, shown in (("is", dry), ("was", done)):
        notes = "\n".join(shown.json["notes"])
        assert (
            f"copy 2 differs from what {there} on storage; changed: BACKUP,"
            " BACKUP_REASON, "
        ) in notes
        assert " DESCRIPTION, LEASETIMESEC, POOL_UUID" in notes
        assert (
            "by copy 2 the domain is detached (POOL_UUID is empty); on storage"
            f" it {there} attached to pool {POOL}"
        ) in notes
        assert " old: kept 20" in notes
    assert "POOL_UUID=" in files.lines()


# Block domains


@needs_block
def test_block_domain(block_domain, directory, sanlock):
    sd_id = block_domain.sd_id
    block_domain.initialize(sanlock)
    with testhost.Host(
        os.path.join(directory, "host"),
        io_timeout=30,
        sanlock=sanlock,
        block=[block_domain],
    ) as host:
        tool = Tool(host, sd_id)
        before = block_domain.lines()
        assert tool("set", *WHY).code == 0
        flagged = set(map(encoding.encode_tag, block_domain.lines()))

        def state():
            return block_domain.tags(), seqno(block_domain)

        for damage in DAMAGES.values():
            block_domain.put(damage(block_domain.lines()))
            tool.restore_is_refused(state)
            block_domain.put_tags(flagged)
        block_domain.put_tags(
            {*flagged, "MDT_BACKUP=&1114112&"} - {"MDT_BACKUP=True"}
        )
        tool.restore_is_refused(state)

        block_domain.put_tags(
            {x for x in flagged if not x.startswith("MDT_BACKUP")}
        )
        done = tool("restore", "--from", "1")
        assert (done.code, done.json["domain"]["flag"]) == (0, False)
        assert block_domain.lines() == before
        removed = done.json["difference"]["removed"]
        assert [line.partition("=")[0] for line in removed] == [md_lines.SEAL]
