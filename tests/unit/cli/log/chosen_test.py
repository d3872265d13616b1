# SPDX-License-Identifier: GPL-2.0-or-later
"""Which entries log is asked for, and how it shows them."""

import time

import pytest

from tests.support import commandline
from tests.support.logged import BEGIN, CHANGE, EVIL, VM, A, B, keep, logged


def test_since(host, journal):
    keep(host)
    journal.changed()
    assert len(logged(host, "--since", "1h")) == 2
    (uids, since), *_ = journal.asked
    assert 0 in uids
    assert abs(time.time() - 3600 - since) < 60
    assert logged(host, "--since", "2126-11-22") == []
    assert len(logged(host, "--since", "2026-01-01T10:00:00Z")) == 2
    assert journal.asked[-1][1] == 1767261600.0


@pytest.mark.parametrize(
    "text", ["", "x", "2h3", "0h", "-2h", "2026-13-01", "9" * 30, "1w"]
)
def test_a_since_that_makes_no_sense(host, journal, text):
    assert host.json("log", f"--since={text}").code == 2


def test_of_a_vm(host, journal):
    keep(host)
    journal.answered(0)
    journal.answered(1, vm_id=VM.replace("7", "8"))
    journal.add(2, action="permit", result="done", vm=f"VM {VM}", vm_id=VM)
    found = logged(host, "--vm", VM.upper())
    assert [e["action"] for e in found] == [None, "permit"]
    assert found[1]["vm"] is None
    assert [e["vm"] for e in logged(host, "--vm", VM, "--refused")] == ["web1"]


def test_refused(host, journal):
    journal.answered(0)
    journal.changed(1)
    journal.changed(2, result="refused")
    found = logged(host, "--refused")
    assert [(e["operation"], e["action"]) for e in found] == [
        ("run", None),
        (None, "set"),
    ]


@pytest.mark.parametrize("sd", [A, A.upper(), A[:8], "data1"])
def test_of_a_domain(host, journal, sd):
    """None is looked for on storage."""
    journal.changed(0)
    journal.answered(1)
    journal.changed(2, domain=B, name="data2")
    keep(host, B, DESCRIPTION="data2")
    found = logged(host, sd)
    assert [e["domain"] for e in found] == [A, A]
    other = "another one may have the name now"
    if sd == A[:8]:
        other = "the UUID of another one may begin so, too"
    note = f"by the records of this host {sd} is storage domain {A}; {other}"
    notes = [] if sd.lower() == A else [note]
    assert host.json("log", sd).json["notes"] == notes
    assert host.run("log", sd).err.splitlines()[1:] == [
        f"note: {note}" for note in notes
    ]


def test_of_a_domain_that_only_storage_knows(host, journal):
    keep(host)
    host.domain(sd_id=A, name="newname")
    assert [e["domain"] for e in logged(host, "newname")] == [A]
    # That is certain.
    note = f"newname is storage domain {A}"
    assert host.json("log", "newname").json["notes"] == [note]
    assert host.json("log", "nowhere").error == 956


def test_a_name_that_two_domains_had(host, journal):
    journal.changed(0)
    journal.changed(1, domain=B)
    journal.changed(3, name="renamed")
    keep(host, DESCRIPTION="renamed")
    done = host.json("log", "data1")
    assert done.error == 957
    (hint,) = done.json["error"]["hints"]
    times, show, commands = hint.split("; ", 2)
    assert times == (
        f"by the records of this host {A} had this name last at"
        f" 2026-11-29T20:38:20Z, {B} had this name last at"
        " 2026-11-29T20:38:21Z"
    )
    assert show.endswith("now: vdsm-backup-domain show data1")
    _, _, commands = commands.partition("look at each: ")
    assert commands.split("; ") == [
        f"vdsm-backup-domain log {sd_id}" for sd_id in sorted((A, B))
    ]
    assert len(logged(host, B)) == 1
    note = f"this host renamed is storage domain {A};"
    assert note in host.json("log", "renamed").json["notes"][0]


@pytest.mark.parametrize("known", ["history", "journal"])
def test_a_name_that_a_domain_had(host, journal, known):
    """Now it has the one of its newest record, wherever that is."""
    journal.changed(-(10**8))
    if known == "journal":
        keep(host, DESCRIPTION="older")
        journal.changed(name="renamed", copy="1")
    else:
        keep(host, DESCRIPTION="renamed")
    for sd, how in (("data1", "was the name of"), ("renamed", "is")):
        done = host.run("log", sd)
        assert done.code == 0
        assert f" this host {sd} {how} storage domain {A}; " in done.err


def test_upper_and_lower_case_of_a_name_that_a_uuid_may_begin_with(
    host, journal
):
    journal.changed(0, domain=B, name="0AD9A6A0")
    journal.changed(1, domain=B, name="Data1")
    for sd in ("0ad9a6a0", "0AD9A6A0"):
        assert [e["domain"] for e in logged(host, sd)] == [B, B]
    assert host.json("log", "data1").error == 956


def test_a_domain_that_was_not_found_then(host, journal):
    fields = {**CHANGE, "result": "failed", "name": "typo"}
    del fields["domain"]
    journal.add(**fields)
    assert [e["name"] for e in logged(host, "typo")] == ["typo"]


def test_for_people(host, journal):
    journal.changed(0)
    journal.changed(1, action="clear", result="failed", code="970")
    journal.answered(2, message="Refused: VM web1 cannot start")
    done = host.run("log")
    titles, *lines = done.out.splitlines()
    assert titles.split() == "TIME WHAT RESULT DOMAIN VM TEXT".split()
    assert (
        lines[0].split()
        == (
            f"2026-11-29T20:38:20Z set done data1 ({A}) - by root@host1: why"
        ).split()
    )
    assert lines[1].endswith("by root@host1: why (error 970)")
    assert f" web1 ({VM})  Refused: VM web1 cannot start" in lines[2]
    assert done.err == (
        "note: the journal of this host reaches back to 2026-11-29T20:38:20Z\n"
    )
    assert done.code == 0


def test_from_when_the_journal_reaches_where_that_matters(host, journal):
    journal.changed()
    note = "note: the journal of this host reaches back to "
    assert note in host.run("log").err
    assert note in host.run("log", "--since", "2020-01-01").err
    journal.begins = time.time() - 7200
    assert host.run("log", "--since", "1h").err == ""
    assert host.json("log", "--since", "1h").json["since"]


def test_on_a_terminal(host, journal):
    journal.changed(0, name="n" * 200, reason="r" * 200)
    journal.answered(1, message="m" * 200)
    journal.changed(2, name="nightly-copies", reason="why")
    lines = host.run("log", terminal=True).out.splitlines()
    # What the entry says would be cut to some characters: it is below.
    rows = [line for line in lines if not line.startswith(" ")]
    assert max(map(len, rows)) <= 80
    assert lines[0].split() == "TIME WHAT RESULT DOMAIN VM".split()
    assert lines[2] == "    by root@host1: " + "r" * 200
    assert " nightly-copies " in lines[3]
    assert lines[4] == "    " + "m" * 200
    assert " nightly-copies " in lines[5]


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_on_narrow_terminals(host, journal, monkeypatch, columns):
    """Names and texts can be read on all."""
    monkeypatch.setenv("COLUMNS", str(columns))
    journal.changed(0, name="nightly-copies", reason="why it is")
    journal.answered(1, message="Refused: VM web1 cannot start")
    out = host.run("log").out
    for text in ("nightly-copies", "by root@host1: why it is", "web1"):
        assert text in out
    assert "Refused: VM web1 cannot start\n" in out


def test_the_name_of_a_domain_that_refuses(host, journal):
    """An answer of the guard has the UUID alone."""
    journal.answered(0)
    journal.answered(1, domain=B)
    keep(host, DESCRIPTION="oldname")
    journal.changed(name="data1")
    _, known, unknown, *_ = map(str.split, host.run("log").out.splitlines())
    assert known[3:5] == ["data1", f"({A})"]
    assert unknown[3:5] == [B, "web1"]
    # What it was called then is not known.
    assert [e["name"] for e in logged(host)[:2]] == [None, None]


def test_nothing(host, journal):
    journal.begins = None
    journal.problems = ["this host keeps no journal"]
    assert logged(host, code=3) == []
    done = host.run("log")
    assert done.out.startswith("Nothing is known")
    assert (done.code, done.err) == (3, "note: this host keeps no journal\n")
    journal.begins, journal.problems = BEGIN, []
    assert host.run("log").code == 0


def test_a_part_that_cannot_be_read(host, journal):
    keep(host)
    keep(host, B)
    with open(f"{host.history}/{B}/000001.json", "w") as f:
        f.write("{")
    assert len(logged(host, code=3)) == 1
    (note,) = host.json("log").json["notes"]
    assert "000001.json" in note
    assert host.run("log").code == 3


def test_harmless(host, journal):
    evil = dict.fromkeys(["name", "reason", "by", "action", "result"], EVIL)
    journal.changed(0, **evil)
    journal.answered(1, vm=EVIL, vm_id=EVIL, operation=EVIL, message=EVIL)
    done = host.run("log")
    assert len(done.out.splitlines()) == 3
    assert commandline.hidden(done.out) == []
    assert [e["name"] for e in logged(host)] == [EVIL, None]
