# SPDX-License-Identifier: GPL-2.0-or-later
import inspect

import pytest

from vdsm_backup import errors

ALL = sorted(errors.by_code().items())


@pytest.mark.parametrize("code, error", ALL)
def test_every_code(host, code, error):
    done = host.run("explain", str(code))
    lines = done.out.splitlines()
    assert lines[0] == f"Error {code}, {error.__name__}"
    assert lines[-1].startswith("Exit code: ")
    assert (done.code, done.err) == (0, "")
    assert done.out.split() == [
        *f"Error {code}, {error.__name__}".split(),
        *inspect.getdoc(error).split(),
        *lines[-1].split(),
    ]


def test_a_paragraph_is_one_line(host):
    lines = host.run("explain", "965").out.splitlines()
    assert lines[1:-1] == [
        "",
        "The metadata has no checksum (_SHA_CKSUM, its seal).",
        "",
        "VDSM trusts such metadata as it is; we read it with a warning and"
        " change nothing. Any change of the domain by VDSM (for example its"
        " description) seals it.",
        "",
    ]


def test_what_is_indented_stays_as_it_is(host, monkeypatch):
    doc = "One\nsentence.\n\n    a list\n    of two\n\nAn\nend."
    monkeypatch.setattr(errors.SealMissing, "__doc__", doc)
    told = host.json("explain", "965").json["explanation"]["text"]
    assert told == "One sentence.\n\n    a list\n    of two\n\nAn end."


@pytest.mark.parametrize("code, exit_code", [(956, 1), (971, 2), (975, 4)])
def test_exit_code(host, code, exit_code):
    out = host.run("explain", str(code)).out
    assert out.endswith(f"\nExit code: {exit_code}\n")


@pytest.mark.parametrize("code, error", ALL)
def test_json(host, code, error):
    done = host.json("explain", error.__name__)
    assert set(done.json) == {"schema", "explanation"}
    explained = done.json["explanation"]
    assert set(explained) == {"code", "name", "exit_code", "text"}
    assert (explained["code"], explained["name"]) == (code, error.__name__)


def test_all_codes(host):
    done = host.run("explain")
    title, *rows = done.out.splitlines()
    assert title.split() == ["CODE", "MEANING"]
    assert [row.split()[0] for row in rows] == [str(code) for code, _ in ALL]
    for row, (_, error) in zip(rows, ALL):
        assert row.split(maxsplit=1)[1] == inspect.getdoc(error).split("\n")[0]
    assert (done.code, done.err) == (0, "")
    found = host.json("explain").json["explanations"]
    assert [e["code"] for e in found] == [code for code, _ in ALL]


def test_needs_no_configuration(host):
    assert host.run("--config", "/nonexistent", "explain", "956").code == 0


@pytest.mark.parametrize(
    "code", ["955", "9700", "0", "seal", "\x1b[2J", "../956"]
)
def test_unknown_code(host, code):
    done = host.run("explain", code)
    assert "error 990" in done.err
    assert "codes are 956 to 999 or 9600 to 9699\n" in done.err
    assert "\x1b" not in done.err
    assert done.code == 2
