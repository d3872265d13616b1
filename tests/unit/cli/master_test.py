# SPDX-License-Identifier: GPL-2.0-or-later
"""A flagged domain that an engine has elected master of its pool."""

import pytest

POOL = "8f3c1b3e-9d0c-4a0e-9b5e-3f1c2d4e5f60"


def about_master(notes):
    return [note for note in notes if "master domain" in note]


@pytest.mark.parametrize(
    "backup, role, told",
    [("True", "Master", 1), ("True", "Regular", 0), ("False", "Master", 0)],
)
def test_who_looks_at_it_is_told(host, backup, role, told):
    sd = host.domain(
        5, name="backups", BACKUP=backup, ROLE=role, POOL_UUID=POOL
    )
    done = host.run("show", sd)
    assert done.code == 0
    text = "note: it is the master domain of its data center, which an engine"
    assert done.err.count(text) == told
    found = [
        host.json("show", sd).json["domain"],
        *host.json("list").json["domains"],
        *host.json("verify", sd).json["domains"],
    ]
    assert [len(about_master(each["notes"])) for each in found] == [told] * 3


@pytest.mark.parametrize("role, told", [("Master", 1), ("Regular", 0)])
@pytest.mark.parametrize("command", ["set", "clear"])
def test_who_flags_it_is_told(host, command, role, told):
    sd = host.domain(5, ROLE=role, POOL_UUID=POOL)
    host.run("set", sd, "--reason", "a", "--pool-is-gone")
    how = ["--replace"] if command == "set" else []
    done = host.json(command, sd, "--reason", "b", "--pool-is-gone", *how)
    assert (done.code, done.json["changed"]) == (0, True)
    expected = told if command == "set" else 0
    assert len(about_master(done.json["notes"])) == expected
