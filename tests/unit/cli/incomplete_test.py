# SPDX-License-Identifier: GPL-2.0-or-later
"""A file domain that has lost its dom_md: every command knows it."""

import os
import shutil

import pytest

from tests.support.clifixtures import A, B

WHY = ["--reason", "nightly copies"]


@pytest.fixture
def directory(host):
    """Of the domain that has lost it; images is there."""
    host.domain(sd_id=A)
    path = os.path.join(host.mount, A)
    shutil.rmtree(os.path.join(path, "dom_md"))
    return path


def lose(directory, kind):
    """What stands in the place of dom_md."""
    dom_md = os.path.join(directory, "dom_md")
    if kind == "file":
        open(dom_md, "w").close()
    elif kind == "link":
        os.symlink("images", dom_md)


@pytest.mark.parametrize(
    "kind, code, words",
    [
        ("nothing", 9622, "its dom_md is gone"),
        ("file", 9622, "its dom_md is no directory"),
        ("link", 9624, "its dom_md is a symbolic link"),
    ],
)
def test_list_and_metrics_have_it(host, directory, kind, code, words):
    lose(directory, kind)
    done = host.json("list")
    (row,) = done.json["domains"]
    assert (done.code, row["id"], row["flag"]) == (3, A, None)
    assert (row["place"], row["error"]["code"]) == (directory, code)
    assert words in row["error"]["message"]
    out = host.run("metrics").out
    assert f'vdsm_backup_domain_unreadable{{domain="{A}"' in out
    (verified,) = host.json("verify").json["domains"]
    assert (verified["id"], verified["place"]) == (A, directory)
    assert [p["code"] for p in verified["problems"]] == [code]


@pytest.mark.parametrize(
    "command",
    [
        ["show", A],
        ["show", A[:8]],
        ["set", A, *WHY],
        ["clear", A, *WHY],
        ["restore", A],
        ["reseal", A, *WHY],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_commands_say_why(host, directory, command):
    error = host.json(*command).json["error"]
    assert error["code"] == 9622 and "dom_md is gone" in error["message"]
    assert f"ls -la {directory}" in error["hints"][0]


def test_where_it_is_named_by_its_path(host, directory):
    for path in (directory, host.mount):
        error = host.json("show", "--path", path).json["error"]
        assert (error["code"], error["name"]) == (9622, "DomainRefused")


def test_it_casts_no_doubt_on_a_name(host, directory):
    """Nothing is left of it that could have the name."""
    host.domain(sd_id=B, name="backups")
    done = host.run("show", "backups")
    assert (done.code, done.err) == (0, "")
    error = host.json("show", "data1").json["error"]
    assert error["code"] == 9612 and A in error["message"]


def test_it_may_be_meant_by_the_beginning_of_its_uuid(host, directory):
    host.domain(sd_id=A[:-1] + "6")
    error = host.json("show", A[:8]).json["error"]
    assert error["code"] == 9609 and A in error["message"]


def test_what_was_formatted_is_none(host):
    os.mkdir(os.path.join(host.mount, A))
    assert host.json("list").json["domains"] == []
