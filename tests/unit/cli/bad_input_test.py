# SPDX-License-Identifier: GPL-2.0-or-later
"""
Domains that cannot be changed, and names that are no names: each a clear
error, and not a byte changed.
"""

import os

import pytest

from tests.support import commandline
from tests.support.storage import filedomain
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
VALUES = filedomain.metadata(A)
LINES = md_lines.flush(VALUES)
DATA = encoding.encode_file(LINES)


def lines(*lines):
    return encoding.encode_file(lines)


def sealed(**overrides):
    return encoding.encode_file(
        md_lines.flush(filedomain.metadata(A, **overrides))
    )


# What metadata may be, the code of `set`, and whether a reader knows the flag.
BAD = {
    "version-3": (sealed(version=3), 958, True),
    "version-2": (sealed(version=2), 958, True),
    "version-0": (sealed(version=0), 958, True),
    "version-6": (sealed(VERSION="6"), 958, True),
    "version-text": (sealed(VERSION="five"), 958, True),
    "iso": (sealed(CLASS="Iso"), 959, True),
    "export": (sealed(CLASS="Backup"), 959, True),
    "no-class": (sealed(CLASS=None), 959, True),
    "broken-seal": (
        lines(*LINES[:-1], f"{md_lines.SEAL}={'0' * 40}"),
        964,
        False,
    ),
    "edited": (DATA.replace(b"=data1", b"=data2"), 964, False),
    "no-seal": (lines(*LINES[:-1]), 965, True),
    "two-values": (lines("VERSION=4", *LINES), 967, False),
    "two-seals": (lines(f"{md_lines.SEAL}=0", *LINES), 967, False),
    "no-equals": (lines("what is this", *LINES), 967, True),
    "binary": (bytes(range(256)) * 8, 963, False),
    "empty": (b"", 963, False),
    "nuls": (b"\0" * 4096, 963, False),
    "other-domain": (sealed(SDUUID="b" + A[1:]), 963, False),
    "no-version": (sealed(VERSION=None), 963, False),
    "no-uuid": (sealed(SDUUID=None), 963, False),
    "maybe": (sealed(BACKUP="maybe"), 966, False),
    "lower-case": (sealed(BACKUP="true"), 966, False),
    "nothing": (sealed(BACKUP=""), 966, False),
}
# Where there is something to change.
WITHOUT_LEASE = {
    "no-geometry": dict(ALIGNMENT=None),
    "strange-geometry": dict(BLOCK_SIZE="513"),
}


@pytest.fixture(params=["set", "clear"])
def command(request):
    return request.param


@pytest.mark.parametrize("name", BAD)
def test_metadata(host, command, name):
    is_refused(host, command, *BAD[name])


@pytest.mark.parametrize("name", WITHOUT_LEASE)
def test_no_lease(host, command, name):
    data = sealed(BACKUP=str(command == "clear"), **WITHOUT_LEASE[name])
    is_refused(host, command, data, 967, True)


def is_refused(host, command, data, code, readable):
    host.domain(sd_id=A)
    filedomain.put_bytes(host.mount, A, data)
    before = everything(host)
    done = host.json(command, A, "--reason", "why")
    assert (done.error, done.code) == (code, 1)
    assert A in done.json["error"]["message"]
    assert everything(host) == before
    assert host.kept() == []
    shown = host.json("list")
    assert (shown.code == 0) is readable
    (row,) = shown.json["domains"]
    assert (row["flag"] is not None) is readable
    assert everything(host) == before


@pytest.mark.parametrize("size", range(0, len(DATA), 23))
def test_truncated(host, size):
    host.domain(sd_id=A)
    filedomain.put_bytes(host.mount, A, DATA[:size])
    before = everything(host)
    done = host.json("set", A, "--reason", "why")
    # No metadata, not enough of it, without a seal, or with half of one.
    assert done.error in (963, 964, 965, 967)
    assert done.code == 1
    assert everything(host) == before
    # VDSM trusts what has no seal, and so does a reader; never a half seal.
    row = host.json("list").json["domains"][0]
    assert row["flag"] is None or row["seal"] == "missing"


def test_huge(host, command):
    host.domain(sd_id=A)
    with open(filedomain.path(host.mount, A), "ab") as f:
        f.truncate(64 * 1024**2)
    done = host.json(command, A, "--reason", "why")
    assert (done.error, done.code) == (963, 1)
    assert "67108864 bytes" in done.json["error"]["message"]
    assert host.json("list").code == 3


def test_directory_in_place_of_metadata(host, command):
    host.domain(sd_id=A)
    path = filedomain.path(host.mount, A)
    os.unlink(path)
    os.mkdir(path)
    done = host.json(command, A, "--reason", "why")
    assert (done.error, done.code) == (963, 1)
    assert "not a regular file" in done.json["error"]["message"]


def test_link_in_place_of_metadata(host, command):
    """Also to good metadata: a rename would replace the link."""
    host.domain(sd_id=A)
    path = filedomain.path(host.mount, A)
    os.rename(path, f"{path}.real")
    os.symlink(f"{path}.real", path)
    done = host.json(command, A, "--reason", "why")
    assert (done.error, done.code) == (963, 1)
    assert os.path.islink(path)
    with open(f"{path}.real", "rb") as f:
        assert f.read() == DATA


def test_metadata_that_is_gone(host, command):
    """Tried again until the timeout; then unreadable, never "no flag"."""
    host.domain(sd_id=A)
    path = filedomain.path(host.mount, A)
    os.unlink(path)
    done = host.json(command, A, "--reason", "why")
    assert (done.error, done.code) == (992, 1)
    assert not os.path.exists(path)
    assert host.json("list").json["domains"][0]["flag"] is None


def test_domain_that_is_gone(host, command):
    """Never made again."""
    done = host.json(command, A, "--reason", "why")
    assert (done.error, done.code) == (956, 1)
    assert os.listdir(host.mount) == []


NO_NAMES = [
    "nobody",
    "data",
    "DATA1",
    "data1 ",
    "*",
    ".",
    "..",
    "/",
    "../../../etc/passwd",
    f"x/{A}",
    f"{A}/",
    f"../{A}",
    f"{A}\n",
    "$(touch pwned)",
    "; touch pwned",
    "`touch pwned`",
    "%s%n{self}{0}",
    "a\x1b[2J\r\n\x07\x9b",
    "\u202edata1",
    "\udc80",
    "x" * 10000,
    "\u0660" * 36,
]
COMMANDS = [
    ["show"],
    ["set", "--reason=why"],
    ["clear", "--reason=why"],
    ["history"],
    ["history", "--show=1"],
    ["history", "--export=1"],
    ["reseal", "--reason=why"],
    ["restore"],
    ["verify"],
]


@pytest.mark.parametrize("sd", NO_NAMES)
def test_names(host, tmp_path, monkeypatch, sd):
    monkeypatch.chdir(tmp_path)
    host.domain(sd_id=A, name="data1")
    before = everything(host)
    for args in COMMANDS:
        done = host.run(*args, "--", sd)
        assert done.code == 1, args
        assert "error 956: " in done.out + done.err
        assert commandline.hidden(done.out + done.err) == []
        out = host.json(*args, "--", sd).out
        assert out.isascii() and commandline.hidden(out) == []
    assert everything(host) == before
    assert not os.path.exists("pwned")
    assert host.kept() == []


def everything(host):
    """Every byte of the storage."""
    found = {}
    for directory, _, names in os.walk(host.mount):
        for name in names:
            path = os.path.join(directory, name)
            if os.path.getsize(path) < 1024**2:
                with open(path, "rb") as f:
                    found[path] = f.read()
            else:
                found[path] = os.path.getsize(path)
    return found
