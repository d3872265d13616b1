# SPDX-License-Identifier: GPL-2.0-or-later
"""
The flag, changed on one host and seen on the other. Host 1 sets it on the V4
domain, host 2 on the V5 one, and each clears the other's.
"""

import os
import re
import shutil
import subprocess
from concurrent import futures

import pytest

from tests.e2e.cluster import hosts
from vdsm_backup.host import mounts

VERSIONS = (4, 5)
REASON = "nightly copies, site B"

# The name is looked up, and what it led to is opened by its number.
_OPENED = re.compile(
    r'"metadata", \S*O_PATH\S*\) += (\d+)\n'
    r'.*"/proc/self/fd/(\d+)", (\S+)\) += (.*)'
)


@pytest.fixture(scope="module")
def domains(kind, both):
    """By version."""
    return {
        version: hosts.make_domain(both[0], version, f"data{version}", kind)
        for version in VERSIONS
    }


@pytest.fixture(scope="module")
def story(both, domains):
    """
    By version and moment, what was said right after the other host's change,
    before which each had read the old state.
    """
    with futures.ThreadPoolExecutor(len(VERSIONS)) as pool:
        said = pool.map(
            tell, domains.values(), (both, both[::-1]), [REASON] * 2
        )
        return dict(zip(domains, said))


def tell(domain, pair, reason):
    setter, other = pair
    sd, said = domain.sd_id, {}
    said["before"] = [host.does("show", sd) for host in pair]
    said["set"] = setter.does("set", sd, "--reason", reason)
    said["after set"] = [host.does("show", sd) for host in (other, setter)]
    said["listed"] = other.does("list", "--flagged")
    said["verified"] = [host.does("verify", sd) for host in pair]
    said["run"] = other.process("--json", "check", "--operation", "run", sd)
    said["copy"] = other.process("--json", "check", "--operation", "copy", sd)
    said["clear"] = other.does("clear", sd, "--reason", "on tape")
    said["after clear"] = [host.does("show", sd) for host in pair]
    said["history"] = [host.does("history", sd) for host in pair]
    return said


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


def test_it_is_that_file_system(kind, both):
    for host in both:
        mount = mounts.holding(host.mount, mounts.table())
        assert (mount.point, mount.fs_type) == (host.mount, kind.FS_TYPE)


def test_set_is_seen_at_once(story, domains, kind, version):
    said = story[version]
    for shown in said["before"]:
        domain = shown["domain"]
        assert (domain["flag"], domain["seal"]) == (False, "valid")
    assert said["set"]["changed"]
    for shown in said["after set"]:
        domain = shown["domain"]
        assert (domain["name"], domain["version"]) == (
            domains[version].name,
            version,
        )
        assert (domain["flag"], domain["reason"]) == (True, REASON)
        assert (domain["seal"], domain["error"]) == ("valid", None)
        assert domain["origin"].startswith(f"file:{kind.FS_TYPE},ino:")
        assert domain["origin_match"] == "same"
        assert "BACKUP=True" in shown["metadata"]
    (row,) = [
        row
        for row in said["listed"]["domains"]
        if row["id"] == domains[version].sd_id
    ]
    assert (row["flag"], row["reason"]) == (True, REASON)


def test_verify(story, version):
    for said in story[version]["verified"]:
        assert [d["problems"] for d in said["domains"]] == [[]]


def test_check(story, domains, version):
    said = story[version]
    assert (said["run"].code, said["copy"].code) == (4, 0)
    (refusal,) = said["run"].json["refusals"]
    assert domains[version].name in refusal["message"]
    assert REASON in refusal["message"]


def test_clear_is_seen_at_once(story, version):
    said = story[version]
    assert said["clear"]["changed"]
    for shown in said["after clear"]:
        domain = shown["domain"]
        assert (domain["flag"], domain["reason"]) == (False, "on tape")
        assert (domain["seal"], domain["error"]) == ("valid", None)


def test_history(story, version):
    """Each host keeps what it has changed itself."""
    actions = [
        [copy["action"] for copy in said["copies"]]
        for said in story[version]["history"]
    ]
    assert actions == [["set"], ["clear"]]


def test_nothing_is_left_behind(story, both, domains, version):
    domain = domains[version]
    assert [host.sanlock.joined(domain) for host in both] == [None, None]
    left = os.listdir(both[0].path(domain, "dom_md"))
    assert [name for name in left if name.startswith("metadata.")] == []
    st = os.stat(both[0].path(domain, "dom_md", "metadata"))
    assert (st.st_uid, st.st_gid, st.st_mode & 0o777) == (*hosts.OWNER, 0o644)


# Reading past the page cache


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is missing")
def test_metadata_is_read_with_o_direct(
    story, both, domains, version, tmp_path
):
    host, sd = both[1], domains[version].sd_id
    trace = tmp_path / "trace"
    # A file for each process, or their lines could be cut in two.
    strace = ["strace", "-ff", "-qq", "-e", "trace=openat", "-o", str(trace)]
    subprocess.run([*strace, *host.command("show", sd)], check=True)
    opened = [
        found
        for path in tmp_path.iterdir()
        for found in _OPENED.findall(path.read_text())
    ]
    assert opened
    for looked_up, number, flags, result in opened:
        assert number == looked_up
        assert "O_DIRECT" in flags.split("|")
        assert int(result) > 0
