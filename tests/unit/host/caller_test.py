# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pwd
import socket

import pytest

from vdsm_backup.host import caller
from vdsm_backup.metadata.encoding import MAX_TAG, encode_tag

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


def tag_length(text):
    return len(encode_tag(f"BACKUP_BY={text}"))


def test_who_logged_in_wins(loginuid, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "alice")
    loginuid.write_text("1")
    assert caller.who() == f"{pwd.getpwuid(1).pw_name}@{HOST}"


def test_root_may_log_in(loginuid, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "alice")
    loginuid.write_text("0")
    assert caller.who() == f"root@{HOST}"


def test_a_user_without_a_name(loginuid):
    loginuid.write_text("4123456789")
    assert caller.who() == f"4123456789@{HOST}"


def test_nobody_logged_in_but_sudo(loginuid, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "alice")
    loginuid.write_text("4294967295")
    assert caller.who() == f"alice@{HOST}"


@pytest.mark.parametrize("sudo_user", [None, ""])
def test_nobody_logged_in_and_no_sudo(loginuid, monkeypatch, sudo_user):
    if sudo_user is not None:
        monkeypatch.setenv("SUDO_USER", sudo_user)
    loginuid.write_text("4294967295")
    assert caller.who() == f"{ME}@{HOST}"


def test_a_kernel_without_audit(loginuid):
    assert caller.who() == f"{ME}@{HOST}"


def test_the_real_loginuid_can_be_read():
    assert caller.who().endswith(f"@{HOST}")


@pytest.mark.parametrize(
    "char", ["\n", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\udcff"]
)
def test_characters_that_do_not_show_are_removed(char):
    assert caller.short(f"al{char}ice", f"ho{char}st") == "alice@host"


def test_long_parts_are_cut_to_fit_a_tag():
    text = caller.short("\U0001f4be" * 500, "host")
    assert text.startswith("\U0001f4be" * 100)
    assert text.endswith("@host")
    # One more of these characters would not have fitted.
    assert MAX_TAG - len("&128190&") < tag_length(text) <= MAX_TAG


def test_both_parts_are_cut():
    user, _, host = caller.short("u" * 2000, "h" * 2000).partition("@")
    assert user == "u" * len(user)
    assert host == "h" * len(host)
    assert abs(len(user) - len(host)) <= 1
    assert tag_length(f"{user}@{host}") == MAX_TAG


def test_what_fits_is_not_cut():
    assert caller.short("u" * 400, "h" * 400) == "u" * 400 + "@" + "h" * 400
