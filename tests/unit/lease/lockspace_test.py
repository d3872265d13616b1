# SPDX-License-Identifier: GPL-2.0-or-later
import errno

import pytest

pytest.importorskip("sanlock", reason="no sanlock binding")

import sanlock

from vdsm_backup import errors
from vdsm_backup.lease import lockspace
from vdsm_backup.lease.request import LeaseRequest

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


REQUEST = LeaseRequest(
    sd_id=SD,
    ids="/ids",
    leases="/leases",
    offset=2 * 1024**2,
    align=2 * 1024**2,
    sector=4096,
    host_id=250,
    timeout=1,
    run_dir="/run",
    require_alone=True,
)


@pytest.fixture
def calls(monkeypatch):
    """What sanlock is asked: (name, args, options)."""
    made = []

    def spy(name, answer):
        def call(*args, **options):
            made.append((name, args, options))
            return answer

        monkeypatch.setattr(sanlock, name, call)

    spy("read_lockspace", {"iotimeout": 10})
    spy("add_lockspace", None)
    spy("rem_lockspace", None)
    spy("read_resource_owners", [{"host_id": 3}, {"host_id": 2}])
    spy("acquire", None)
    return made


NAME = SD.encode()
SIZE = {"align": 2 * 1024**2, "sector": 4096}
DISKS = [("/leases", 2 * 1024**2)]


@pytest.mark.parametrize(
    "method, args, result, call",
    [
        # Sizes are asked for by older versions of sanlock; newer ones find
        # them out.
        ("io_timeout", [], 10, ("read_lockspace", ("/ids",), SIZE)),
        (
            "owners",
            [],
            [2, 3],
            ("read_resource_owners", (NAME, b"SDM", DISKS), SIZE),
        ),
        (
            "join",
            [250, 10],
            None,
            ("add_lockspace", (NAME, 250, "/ids"), {"iotimeout": 10}),
        ),
        # Anything else would kill VDSM.
        (
            "leave",
            [250, "/ids"],
            None,
            ("rem_lockspace", (NAME, 250, "/ids"), {"unused": True}),
        ),
        (
            "acquire",
            [7],
            None,
            ("acquire", (NAME, b"SDM", DISKS), {"slkfd": 7}),
        ),
    ],
)
def test_asks_sanlock(calls, method, args, result, call):
    space = lockspace.Lockspace(REQUEST)
    assert getattr(space, method)(*args) == result
    assert calls == [call]


def test_hosts_by_their_ids(monkeypatch):
    found = {"host_id": 3, "generation": 2, "timestamp": 9, "io_timeout": 1}
    # Higher bits are not about the state.
    found["flags"] = sanlock.HOST_LIVE | 0x10
    monkeypatch.setattr(sanlock, "get_hosts", lambda name: [found])
    hosts = lockspace.Lockspace(REQUEST).hosts()
    assert hosts == {3: lockspace.Host(sanlock.HOST_LIVE, 2, 9)}


@pytest.mark.parametrize("code", [errno.ECONNREFUSED, errno.ENOENT])
def test_daemon_that_is_gone(monkeypatch, code):
    def fail():
        raise sanlock.SanlockException(code, "what", "why")

    monkeypatch.setattr(sanlock, "get_lockspaces", fail)
    assert not lockspace.Lockspace(REQUEST).daemon_runs()


def test_daemon_that_cannot_be_asked(monkeypatch):
    def fail():
        raise sanlock.SanlockException(errno.EMFILE, "what", "why")

    monkeypatch.setattr(sanlock, "get_lockspaces", fail)
    with pytest.raises(sanlock.SanlockException):
        lockspace.Lockspace(REQUEST).daemon_runs()


@pytest.mark.parametrize("code, told", [(28, True), (-223, False)])
def test_lockspace_that_is_given_up(code, told):
    reason = lockspace.why_not_acquired(
        sanlock.SanlockException(code, "Not acquired", "why")
    )
    assert ("run the command again in a minute" in reason) == told
    assert f"Not acquired: why ({code})" in reason


def test_failing_tells_what_and_why():
    with pytest.raises(errors.SanlockFailed) as e:
        with lockspace.failing("join"):
            raise sanlock.SanlockException(-223, "Add failure", "Magic")
    assert str(e.value) == "sanlock cannot join: Add failure: Magic (-223)"


def test_failing_lets_others_pass():
    with pytest.raises(errors.LeaseBusy):
        with lockspace.failing("join"):
            raise errors.LeaseBusy(SD, "host id 3")


def test_joined(monkeypatch):
    entry = {"host_id": 7, "path": "/ids", "offset": 0}
    spaces = [
        {**entry, "lockspace": b"other\n\xff", "flags": 0},
        {**entry, "lockspace": NAME, "flags": sanlock.LSFLAG_ADD},
    ]
    monkeypatch.setattr(sanlock, "get_lockspaces", lambda: spaces)
    joined = lockspace.Lockspace(REQUEST).joined
    assert joined() == lockspace.Joined(7, "/ids", True, True)
    spaces[1]["flags"] = sanlock.LSFLAG_REM
    assert joined() == lockspace.Joined(7, "/ids", True, False)
    spaces[1]["flags"] = 0
    assert joined() == lockspace.Joined(7, "/ids", False, False)
    del spaces[1]
    assert joined() is None


def test_path_of_a_lockspace_that_is_no_text(monkeypatch):
    """The binding decodes the paths of all lockspaces of the host."""

    def fail():
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    monkeypatch.setattr(sanlock, "get_lockspaces", fail)
    space = lockspace.Lockspace(REQUEST)
    assert space.daemon_runs()
    with pytest.raises(errors.SanlockFailed, match="no UTF-8"):
        space.joined()
