# SPDX-License-Identifier: GPL-2.0-or-later
"""The file that `list` leaves for the completion of the shell."""

import os
import shutil
import stat

import pytest

from tests.support.storage import filedomain
from vdsm_backup.cli import completion

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def as_root(host, monkeypatch):
    monkeypatch.setattr(completion.os, "getuid", lambda: 0)
    os.makedirs(host.run_dir)
    return host


def kept(host):
    with open(os.path.join(host.run_dir, "scan"), encoding="utf-8") as f:
        return f.read()


@pytest.mark.parametrize("args", [[], ["--json"], ["--flagged"]], ids=str)
def test_all_domains(as_root, args):
    as_root.domain(sd_id=B, name="back ups", BACKUP="True")
    as_root.domain(sd_id=A, name="d\u00e4ta")
    done = as_root.run("list", *args)
    assert (done.code, done.err) == (0, "")
    assert kept(as_root) == f"{A}\td\u00e4ta\n{B}\tback ups\n"
    mode = os.stat(os.path.join(as_root.run_dir, "scan")).st_mode
    assert stat.S_IMODE(mode) == 0o644


def test_a_domain_that_cannot_be_read_has_its_uuid(as_root):
    as_root.domain(sd_id=A)
    filedomain.put_bytes(as_root.mount, A, b"")
    assert as_root.run("list").code == 3
    assert kept(as_root) == f"{A}\t\n"


def test_the_last_list_counts(as_root):
    as_root.domain(sd_id=A, name="one")
    as_root.run("list")
    shutil.rmtree(os.path.join(as_root.mount, A))
    as_root.domain(sd_id=B, name="two")
    as_root.run("list")
    assert kept(as_root) == f"{B}\ttwo\n"


def test_one_uuid_in_two_places_is_one_line(as_root):
    as_root.domain(sd_id=A, name="one")
    as_root.domain(sd_id=A, name="one", mount=as_root.add_mount("b:_data"))
    as_root.run("list")
    assert kept(as_root) == f"{A}\tone\n"


@pytest.mark.parametrize(
    "name", ["a\nb", "a\tb", "\x1b[2J", "a\u202eb", "\ud800", "\0"], ids=ascii
)
def test_what_a_terminal_would_obey_has_no_name(name):
    assert completion.content({A: name}) == f"{A}\t\n".encode()


def test_another_user_leaves_nothing(host, monkeypatch):
    monkeypatch.setattr(completion.os, "getuid", lambda: 1000)
    os.makedirs(host.run_dir)
    host.domain(sd_id=A)
    assert host.run("list").code == 0
    assert os.listdir(host.run_dir) == []


def test_without_its_directory_nothing_is_left(host, monkeypatch):
    monkeypatch.setattr(completion.os, "getuid", lambda: 0)
    host.domain(sd_id=A)
    done = host.run("list")
    assert (done.code, done.err) == (0, "")
    assert not os.path.exists(host.run_dir)


def test_a_list_is_worth_no_less_without_it(as_root):
    path = os.path.join(as_root.run_dir, "scan")
    os.makedirs(path)
    as_root.domain(sd_id=A)
    done = as_root.run("list")
    assert done.code == 0 and A in done.out
    assert done.err == (
        f"note: the shell cannot complete names of domains: {path}: Is a"
        " directory\n"
    )
    assert len(as_root.json("list").json["notes"]) == 1
