# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is made has the modes that are meant, whatever the umask is: by root, who
works as vdsm, and by what root starts.
"""

import contextlib
import os
import stat

import pytest

from tests.support import testhost
from tests.support.clifixtures import WHY, A
from tests.support.hooks.needs import (
    VDSM,
    needs_other_user,
    needs_sanlock,
    slow_to_join,
)
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.storage import filedomain

pytest_plugins = ["tests.support.clifixtures"]
pytestmark = [
    slow_to_join,
    needs_other_user,
    needs_sanlock,
]

OURS = "/var/lib/vdsm-backup"
UMASKS = [0, 0o027, 0o077, 0o777]


class Host(testhost.Host):
    """A host with a domain, whose directories are not there yet."""

    def __init__(self, directory, sanlock, run_dir, history):
        more = {"user": VDSM[0], "group": VDSM[1]}
        super().__init__(
            os.path.join(directory, "host"),
            sanlock=sanlock,
            run_dir=run_dir,
            dir=history,
            **more,
        )
        self.domain(sd_id=A, owner=VDSM)
        self.metadata = filedomain.path(self.mount, A)
        self.initialize(A)

    def process(self, *args, umask=0o022, **options):
        # Python's own files are not what is tested here.
        env = {"PYTHONDONTWRITEBYTECODE": "1"}
        return super().process(*args, env=env, umask=umask, **options)


@pytest.fixture
def make(directory, sanlock):
    with contextlib.ExitStack() as stack:
        yield lambda run_dir, history: stack.enter_context(
            Host(directory, sanlock, run_dir, history)
        )


def modes(top, within=()):
    """{path below top: (owner, group, mode)}"""
    found = {}
    for directory, _, names in os.walk(os.path.join(top, *within)):
        for path in (directory, *(f"{directory}/{name}" for name in names)):
            status = os.stat(path)
            mode = stat.S_IMODE(status.st_mode)
            owner = (status.st_uid, status.st_gid, mode)
            found[os.path.relpath(path, top)] = owner
    return found


@pytest.mark.parametrize(
    "umask, mode",
    list(zip(UMASKS, (0o640, 0o660, 0o644, 0o640))),
    ids=oct,
)
def test_set(make, directory, umask, mode, backend):
    host = make(f"{directory}/new/c/run", f"{directory}/new/a/b/history")
    host.configure(ioprocess=backend)
    os.chmod(host.metadata, mode)
    done = host.process("set", A, *WHY, umask=umask)
    assert (done.code, done.out[:14]) == (0, "Storage domain"), done
    root, closed = (0, 0, 0o755), (*VDSM, 0o700)
    assert modes(directory, ["new"]) == {
        "new": root,
        "new/a": root,
        "new/a/b": root,
        "new/a/b/history": closed,
        f"new/a/b/history/{A}": closed,
        f"new/a/b/history/{A}/000001.json": (*VDSM, 0o600),
        "new/c": root,
        "new/c/run": (*VDSM, 0o755),
        f"new/c/run/{A}.lock": (0, 0, 0o600),
    }
    dom_md = modes(os.path.dirname(host.metadata))
    assert dom_md["metadata"] == (*VDSM, mode)
    assert not [name for name in dom_md if name.startswith("metadata.")]
    # Who comes next can use all of it.
    done = host.process("clear", A, "--reason", "no more", umask=umask)
    assert done.code == 0, done
    done = host.process("history", A, "--json", umask=umask)
    assert [copy["action"] for copy in done.json["copies"]] == ["set", "clear"]


def test_a_history_that_vdsm_cannot_reach(make, directory):
    """
    A directory that somebody else has made, and closed: it stays closed, and
    the message names it.
    """
    top = os.path.join(directory, "closed")
    os.makedirs(os.path.join(top, "more"), 0o700)
    os.chmod(top, 0o750)
    host = make(f"{directory}/run", f"{top}/more/history")
    before = host.bytes(A)
    for _ in range(2):
        done = host.process("set", A, *WHY)
        assert done.code == 1
        assert "error 984" in done.err
        assert f"Permission denied: user 36 may not enter {top}\n" in done.err
    assert host.bytes(A) == before
    assert modes(directory, ["closed"])["closed"] == (0, 0, 0o750)
    done = host.process("history", A)
    assert f"may not enter {top}" in done.err


@pytest.fixture
def inside(directory):
    """Where /run is new, and /var/lib too."""
    path = os.path.join(directory, "var-lib")
    os.mkdir(path)
    with Namespace() as ns:
        ns.bind(path, "/var/lib")
        yield ns.enter()


@needs_namespace
@pytest.mark.parametrize(
    "umask, before",
    [
        (0, None),
        (0o077, None),
        (0o027, 0o750),
        (0o777, 0o700),
        (0o077, 0o755),
        (0o027, 0o2750),
    ],
    ids=str,
)
def test_the_directory_of_the_package(make, inside, directory, umask, before):
    """
    Ours is open to all, as tmpfiles.d has it; an earlier version made it
    closed where the umask was, and every change failed then.
    """
    ours = f"{directory}/var-lib/vdsm-backup"
    if before is not None:
        os.mkdir(ours)
        os.chmod(ours, before)
        os.mkdir(f"{ours}/history")
        os.chown(f"{ours}/history", *VDSM)
        os.chmod(f"{ours}/history", 0o700)
    host = make("/run/vdsm-backup", f"{OURS}/history")
    done = host.process("set", A, *WHY, umask=umask, inside=inside)
    assert done.code == 0, done
    found = modes(directory, ["var-lib"])
    mode = 0o755 | (before or 0)
    assert found["var-lib/vdsm-backup"] == (0, 0, mode)
    assert found["var-lib/vdsm-backup/history"] == (*VDSM, 0o700)
    assert found["var-lib"] == (0, 0, 0o755)


@needs_namespace
@pytest.mark.parametrize("what", ["another owner", "link"])
def test_what_is_not_ours_is_not_opened(make, inside, directory, what):
    ours = f"{directory}/var-lib/vdsm-backup"
    other = f"{directory}/var-lib/other"
    os.mkdir(other, 0o750)
    if what == "link":
        os.symlink("other", ours)
    else:
        os.rename(other, ours)
        os.chown(ours, 1234, 1234)
        other = ours
    host = make("/run/vdsm-backup", f"{OURS}/history")
    done = host.process("set", A, *WHY, inside=inside)
    assert "error 984" in done.err
    assert f"user 36 may not enter {OURS}" in done.err
    assert stat.S_IMODE(os.stat(other).st_mode) == 0o750


@needs_namespace
def test_only_where_it_is_used(make, inside, directory):
    ours = f"{directory}/var-lib/vdsm-backup"
    os.mkdir(ours, 0o750)
    host = make("/run/vdsm-backup", f"{directory}/history")
    assert host.process("set", A, *WHY, inside=inside).code == 0
    assert stat.S_IMODE(os.stat(ours).st_mode) == 0o750


@needs_namespace
def test_a_group_that_may_enter(make, inside, directory):
    """Somebody meant that, and it works."""
    ours = f"{directory}/var-lib/vdsm-backup"
    os.mkdir(ours, 0o750)
    os.chown(ours, 0, VDSM[1])
    host = make("/run/vdsm-backup", f"{OURS}/history")
    assert host.process("set", A, *WHY, inside=inside).code == 0
    found = modes(directory, ["var-lib"])["var-lib/vdsm-backup"]
    assert found == (0, VDSM[1], 0o750)
