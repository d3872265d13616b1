# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the journal is told, and keeps it."""

import os
import socket

import pytest

from vdsm_backup.doctor import checks, journal_storage

MACHINE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def root(tmp_path):
    """With a journald that reads what it is told."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text(f"{MACHINE}\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(tmp_path / "socket"))
        yield tmp_path


def keep(root, where):
    directory = root / where / "log/journal" / MACHINE
    directory.mkdir(parents=True)
    (directory / "system.journal").write_text("")


def check(root):
    path = str(root / "socket")
    (found,) = journal_storage.check(path, str(root))
    return found


def test_journal_that_is_kept(root):
    keep(root, "var")
    assert check(root).state == checks.OK


@pytest.mark.parametrize("also", [[], ["var"]], ids=["alone", "was kept once"])
def test_volatile_journal(root, also):
    for where in ["run", *also]:
        keep(root, where)
    found = check(root)
    assert found.state == checks.NOTE
    assert "is volatile" in found.text
    assert "/var/log/journal" in found.hint


def test_journal_that_is_not_kept_at_all(root):
    found = check(root)
    assert (found.state, "Storage=none" in found.text) == (checks.NOTE, True)


def test_journal_of_another_machine(root):
    """One that was copied, or is from before the installation."""
    keep(root, "var")
    (root / "etc/machine-id").write_text("f" * 32)
    assert check(root).state == checks.NOTE


def test_machine_without_an_id(root):
    os.unlink(root / "etc/machine-id")
    assert check(root).state == checks.UNKNOWN


@pytest.mark.parametrize("is_there", [True, False])
def test_nobody_reads_the_socket(root, is_there):
    """The socket of a journald that was killed stays."""
    keep(root, "var")
    path = root / "other"
    if is_there:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(str(path))
    (found,) = journal_storage.check(str(path), str(root))
    assert found.state == checks.NOTE
    assert "are not logged" in found.text


def test_nothing_is_sent(root):
    other = str(root / "heard")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(other)
        list(journal_storage.check(other, str(root)))
        s.setblocking(False)
        with pytest.raises(BlockingIOError):
            s.recv(1)
