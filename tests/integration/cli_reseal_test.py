# SPDX-License-Identifier: GPL-2.0-or-later
"""
reseal on real file and block domains with a real lease: a flagged domain stays
refused all the time, and nobody writes who must not.
"""

import os
import signal

import pytest

from tests.support import testhost
from tests.support.clifixtures import OWNER, A
from tests.support.hooks.needs import needs_sanlock, slow_to_join
from tests.support.lease import sanlockd
from tests.support.storage import filedomain
from tests.support.storage.blocktools import needs_block, seqno
from tests.support.waiting import wait_until
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

WHY = ["--reason", "edited by hand"]
POOL = "11111111-2222-3333-4444-555555555555"
SEAL = md_lines.SEAL

# What somebody makes of the lines of a domain. None of it touches the flag.
BROKEN = {
    "deleted": lambda x: x[:-1],
    "another": lambda x: [*x[:-1], f"{SEAL}={'0' * 40}"],
    "no checksum": lambda x: [*x[:-1], f"{SEAL}=what & why"],
    "two": lambda x: [*x, f"{SEAL}={'0' * 40}"],
    "renamed": lambda x: [
        "DESCRIPTION=by hand" if y.startswith("DESC") else y for y in x
    ],
    "blank": lambda x: [*x[:-1], ""],
}


class Leased(testhost.Host):
    """A host that sees one domain of a pool, which is flagged or not."""

    def __init__(self, directory, sanlock, flagged, **options):
        if "block" not in options:
            options.update(zip(("user", "group"), OWNER))
        super().__init__(
            os.path.join(directory, "host"), sanlock=sanlock, **options
        )
        self.metadata = {"POOL_UUID": POOL}
        if flagged:
            self.metadata.update(BACKUP="True", BACKUP_REASON="x")
        self.sd_id = A

    def tool(self, command, *args):
        return self.process("--json", command, self.sd_id, *args)

    def is_refused(self):
        done = self.tool("check", "--operation", "run")
        assert done.code in (0, 4)
        return done.code == 4

    def joined(self):
        return self.sd_id in self.sanlock.call("lockspaces")


@pytest.fixture(params=[True, False], ids=["flagged", "plain"])
def flagged(request):
    return request.param


@pytest.fixture
def leased(directory, sanlock, flagged):
    with Leased(directory, sanlock, flagged) as host:
        host.domain(sd_id=A, owner=OWNER, **host.metadata)
        host.leases = host.initialize(A)
        yield host


def break_it(host, name="deleted"):
    """The lines that are left."""
    lines = encoding.decode_file(host.bytes(A), A)
    broken = BROKEN[name](lines)
    filedomain.put(host.mount, A, broken)
    return broken


@pytest.mark.parametrize("name", BROKEN)
def test_file(leased, flagged, name):
    broken = break_it(leased, name)
    right = md_lines.flush(md_lines.parse(broken).values)
    before = leased.is_refused()
    assert before or not flagged
    dry = leased.tool("reseal", *WHY, "--dry-run")
    assert (dry.code, dry.json["metadata"]) == (0, right)
    done = leased.tool("reseal", *WHY)
    assert done.code == 0, done.json
    assert done.json["metadata"] == right
    assert leased.bytes(A) == encoding.encode_file(right)
    assert leased.is_refused() is flagged
    assert not leased.joined()
    copies = leased.tool("history").json["copies"]
    assert [copy["action"] for copy in copies] == ["reseal"]
    assert leased.tool("verify").code == 0
    st = os.stat(filedomain.path(leased.mount, A))
    assert (st.st_uid, st.st_gid, st.st_mode & 0o777) == (*OWNER, 0o644)


@pytest.mark.parametrize("flagged", [True], indirect=True, ids=["flagged"])
def test_the_guard_meanwhile(leased):
    """At every moment of it: asked again and again."""
    break_it(leased)
    answers = []
    with leased.start("--json", "reseal", A, *WHY) as process:
        while process.poll() is None:
            answers.append(leased.is_refused())
        process.communicate()
    assert process.returncode == 0
    assert answers
    assert all(answers)


@pytest.fixture
def plain(directory, sanlock):
    with Leased(directory, sanlock, False) as host:
        host.domain(sd_id=A, owner=OWNER, **host.metadata)
        host.leases = host.initialize(A)
        yield host


def refused(host, words):
    before = host.bytes(A)
    done = host.tool("reseal", *WHY)
    assert (done.error, done.code) == (974, 4)
    assert words in done.json["error"]["message"]
    assert host.bytes(A) == before
    assert host.kept() == []


def test_another_host_is_live(plain):
    break_it(plain)
    with sanlockd.Host("host2") as other:
        other.join(plain.leases, 2)
        refused(plain, "used by other hosts, host ids: 2")
        other.leave(plain.leases, 2)
    assert not plain.joined()
    assert plain.tool("reseal", *WHY).code == 0


def test_vdsm_of_this_host_is_in_the_lockspace(plain):
    """As long as the domain is not in maintenance."""
    break_it(plain)
    plain.sanlock.join(plain.leases, 1)
    refused(plain, "used by this host, which has joined as host id 1")
    assert plain.sanlock.joined(plain.leases) == 1
    plain.sanlock.leave(plain.leases, 1)
    assert plain.tool("reseal", *WHY).code == 0


@pytest.mark.parametrize(
    "lines, error",
    [
        (lambda x: [*x[:-1], "CLASS=Iso"], 9602),
        (lambda x: x, None),
        (lambda x: [y for y in x[:-1] if y[:6] != "VERSIO"], 9602),
    ],
    ids=["two values", "sealed", "no version"],
)
def test_what_a_killed_run_left_is_left(plain, lines, error):
    """Also by a run that is refused, or has nothing to change."""
    sealed = encoding.decode_file(plain.bytes(A), A)
    break_it(plain)
    with plain.start("reseal", A, *WHY) as process:
        wait_until(plain.joined)
        process.kill()
        with open(os.path.join(plain.run_dir, f"{A}.lock")) as f:
            os.kill(int(f.read()), signal.SIGKILL)
        process.communicate()
    assert plain.joined()
    filedomain.put(plain.mount, A, lines(sealed))
    assert plain.tool("reseal", *WHY, "--dry-run").code in (0, 4)
    assert plain.joined()
    done = plain.tool("reseal", *WHY)
    if error:
        assert done.error == error
    else:
        assert done.json["changed"] is False
    assert not plain.joined()
    assert os.listdir(plain.run_dir) == [f"{A}.lock"]


# Block domains


@needs_block
@pytest.mark.parametrize("name", BROKEN)
def test_block(block_domain, directory, sanlock, flagged, name):
    with Leased(
        *(directory, sanlock, flagged),
        block=[block_domain],
        io_timeout=30,
    ) as host:
        host.sd_id = block_domain.sd_id
        block_domain.initialize(sanlock)
        sealed = md_lines.flush({**block_domain.values, **host.metadata})
        broken = BROKEN[name](sealed)
        block_domain.put(broken)
        commits = seqno(block_domain)
        before = host.is_refused()
        assert before or not flagged
        done = host.tool("reseal", *WHY)
        assert done.code == 0, done.json
        right = md_lines.flush(md_lines.parse(broken).values)
        assert block_domain.lines() == sorted(right)
        assert seqno(block_domain) == commits + 1
        assert host.is_refused() is flagged
        extra = os.path.join(host.history, host.sd_id, "000001.extra")
        assert os.path.getsize(extra) > 0


@needs_block
def test_block_refused(block_domain, directory, sanlock):
    with Leased(
        *(directory, sanlock, False), block=[block_domain], io_timeout=30
    ) as host:
        host.sd_id = block_domain.sd_id
        block_domain.initialize(sanlock)
        whole = block_domain.tags()
        commits = seqno(block_domain)
        for tag, words in (
            ("MDT_CLASS=Iso", "several values for CLASS"),
            ("MDT_A=&1114112&", "cannot be decoded"),
            ("MDT_torn", "without '='"),
        ):
            block_domain.change_tags(add=[tag])
            before = block_domain.tags()
            done = host.tool("reseal", *WHY)
            assert (done.error, done.code) == (9602, 4)
            assert words in done.json["error"]["message"]
            assert block_domain.tags() == before
            block_domain.change_tags(delete=[tag])
            commits += 2
        assert block_domain.tags() == whole
        assert seqno(block_domain) == commits


@needs_block
def test_restore_of_long_lines_that_vdsm_wrote(
    block_domain, directory, sanlock
):
    """The domains of a large pool are one line, on its master domain."""
    domains = ",".join(f"{n:08d}-{'0' * 27}:Active" for n in range(60))
    values = {**block_domain.values, "POOL_DOMAINS": domains}
    sealed = md_lines.flush(values)
    block_domain.put(sealed)
    assert max(map(len, block_domain.tags())) > 2 * encoding.MAX_TAG
    with Leased(
        *(directory, sanlock, False), block=[block_domain], io_timeout=30
    ) as host:
        host.sd_id = block_domain.sd_id
        block_domain.initialize(sanlock)
        assert host.tool("set", *WHY).code == 0
        block_domain.put(sealed[:3])
        done = host.tool("restore", "--from", "1")
        assert done.code == 0, done.json
        assert block_domain.lines() == sorted(sealed)
