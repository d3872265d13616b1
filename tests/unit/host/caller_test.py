# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pwd
import socket

import pytest

from vdsm_backup.host import caller

ME = pwd.getpwuid(os.getuid()).pw_name
HOST = socket.gethostname()


@pytest.fixture
def loginuid(tmp_path, monkeypatch):
    path = tmp_path / "loginuid"
    monkeypatch.setattr(caller, "LOGINUID", str(path))
    return path


@pytest.fixture(autouse=True)
def no_sudo(monkeypatch):
    monkeypatch.delenv("SUDO_USER", raising=False)


def test_who_logged_in_wins(loginuid, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "alice")
    loginuid.write_text("1")
    assert caller.user_and_host() == (pwd.getpwuid(1).pw_name, HOST)


def test_root_may_log_in(loginuid, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "alice")
    loginuid.write_text("0")
    assert caller.user_and_host() == ("root", HOST)


def test_a_user_without_a_name(loginuid):
    loginuid.write_text("4123456789")
    assert caller.user_and_host() == ("4123456789", HOST)


def test_nobody_logged_in_but_sudo(loginuid, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "alice")
    loginuid.write_text("4294967295")
    assert caller.user_and_host() == ("alice", HOST)


@pytest.mark.parametrize("sudo_user", [None, ""])
def test_nobody_logged_in_and_no_sudo(loginuid, monkeypatch, sudo_user):
    if sudo_user is not None:
        monkeypatch.setenv("SUDO_USER", sudo_user)
    loginuid.write_text("4294967295")
    assert caller.user_and_host() == (ME, HOST)


def test_a_kernel_without_audit(loginuid):
    assert caller.user_and_host() == (ME, HOST)


def test_the_real_loginuid_can_be_read():
    user, host = caller.user_and_host()
    assert user and host == HOST
