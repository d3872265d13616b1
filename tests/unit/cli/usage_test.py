# SPDX-License-Identifier: GPL-2.0-or-later
"""What may be typed: the help, and what is told where it is typed wrong."""

import io
import shlex

import pytest

from vdsm_backup.cli import commands, main, parser

NAMES = [command.name for command in commands.COMMANDS]

VM = "7d3e6b0c-6a0f-4f0e-9c7e-0d6c1c2f3a4b"
LIFTS = {
    *("--despite-open-images", "--accept-origin", "--pool-is-gone"),
    *("--from", "--file", "--for"),
}


def test_common_options_may_stand_behind(host):
    assert host.run("show", "nobody", "--json").error == 956


@pytest.mark.parametrize(
    "args",
    [
        ["no-such-command"],
        ["help", "no-such-command"],
        ["check"],
        ["list", "--no-such-option"],
        ["list", "domain"],
        ["list", "--flag"],
        ["show"],
        ["show", ""],
        ["set", "", "--reason", "why"],
        ["verify", "data1", ""],
        ["verify", "--path", ""],
        ["check", "a", "b"],
        ["show", "--path", "/a", "--device", "/b"],
        ["verify", "--path", "/a", "--device", "/b"],
        ["set", "data1"],
        ["set", "--reason", "why"],
        ["set", "data1", "--reason", "why", "--timeout", "soon"],
        ["set", "data1", "--reason", "why", "--timeout", "0"],
        ["set", "data1", "--reason", "why", "--timeout", "inf"],
        ["set", "data1", "--reason", "why", "--timeout", "3601"],
        ["clear", "data1"],
        ["history", "data1", "--show", "0"],
        ["history", "data1", "--show", "-1"],
        ["history", "data1", "--show", "../1"],
        ["history", "data1", "--show", "\u0661"],
        ["restore", "data1", "--from", "newest"],
        ["restore", "data1", "--accept-origin"],
        ["explain", "1"],
        ["config"],
    ],
)
def test_wrong_usage(host, args):
    done = host.run(*args)
    usage, *rest = done.err.splitlines()
    assert usage.startswith("usage: vdsm-backup-domain ")
    assert any(
        line.startswith("vdsm-backup-domain: error 990: ") for line in rest
    )
    assert (done.code, done.out) == (2, "")
    as_json = host.run(*args, "--json")
    assert (as_json.error, as_json.err) == (990, "")


def test_the_usage_is_that_of_the_command(host):
    assert "set --reason TEXT" in host.run("set", "data1").err
    assert "COMMAND ..." in host.run("sett", "data1").err


def test_no_argument_at_all():
    """The help, and yet a failure: a script may have lost its arguments."""
    out, err = io.StringIO(), io.StringIO()
    assert main.main([], out, err) == 2
    assert out.getvalue().startswith("usage: vdsm-backup-domain ")
    assert "commands:" in out.getvalue() and err.getvalue() == ""


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_command(host, name):
    done = host.run("help", name)
    assert (done.code, done.err) == (0, "")
    assert done.out == host.run(name, "--help").out
    as_json = host.json("help", name)
    assert as_json.json == {"schema": 1, "help": done.out}


def test_help_of_everything(host):
    assert host.run("help").out == host.run("--help").out
    assert "man vdsm-backup-domain(8)" in " ".join(
        host.run("help").out.split()
    )


@pytest.mark.parametrize("command", commands.COMMANDS, ids=NAMES)
def test_examples_are_understood(command):
    for example in command.examples:
        typed = example.partition(">")[0].replace("$VM", VM)
        args = parser.parse(shlex.split(typed))
        assert args.command == command.name
    assert command.examples or command.name == "help"


def test_options_that_lift_a_protection_say_so():
    """Whatever skips a refusal of a change."""
    for command in commands.COMMANDS:
        for option in command.options:
            for name in option.names:
                lifts = name in LIFTS
                text = option.settings.get("help", "")
                assert lifts == text.startswith("DANGEROUS: "), name
                assert not lifts or "only if" in text


@pytest.mark.parametrize("args", [[], *[[name] for name in NAMES]])
def test_help_fits_80_columns(host, args):
    done = host.run(*args, "--help")
    assert (done.code, done.err) == (0, "")
    assert "--json" in done.out
    assert max(map(len, done.out.splitlines())) <= 80


@pytest.mark.parametrize("args", [[], ["check"]])
@pytest.mark.parametrize("width", [60, 100])
def test_help_is_as_wide_as_the_terminal(args, width):
    with pytest.raises(parser.TextRequested) as e:
        parser.parse([*args, "--help"], width)
    # Lines end between words, so they need not be full. What one would type
    # is no text, and stays in one line.
    text, _, _ = str(e.value).partition("examples:")
    assert width - 20 < max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(
    "args", [("lst", "list"), ("lst",), ("--help", "set")]
)
def test_all_commands_are_named_also_where_one_is_meant(host, args):
    """To parse the arguments of one, only its own parser is made."""
    done = host.run(*args)
    assert [name for name in NAMES if name not in done.err + done.out] == []


@pytest.mark.parametrize("columns", ["40", "0", "-1", "x", None])
def test_the_width_of_what_is_no_terminal(host, monkeypatch, columns):
    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    text, _, _ = host.run("set", "--help").out.partition("examples:")
    longest = max(map(len, text.splitlines()))
    assert longest <= 38 if columns == "40" else 70 < longest <= 78


@pytest.mark.parametrize("columns", ["1", "2", "12"])
def test_a_terminal_in_which_nothing_fits(host, monkeypatch, columns):
    """Each command makes its parser, and so the texts of its help."""
    monkeypatch.setenv("COLUMNS", columns)
    assert host.run("list").code == 0
    assert host.run("set", "--help").code == 0


@pytest.mark.parametrize(
    "args, program",
    [
        (["show", "--nosuch"], "vdsm-backup-domain show"),
        (["set", "a", "--reason", "b", "-x"], "vdsm-backup-domain set"),
        (["--nosuch", "list"], "vdsm-backup-domain"),
    ],
)
def test_usage_is_that_of_who_does_not_know_an_option(host, args, program):
    done = host.run(*args)
    assert done.code == 2
    usage, *_ = done.err.splitlines()
    command, _, options = usage[len("usage: ") :].partition(" [")
    assert command.partition(" --reason")[0] == program and options
    assert f"Wrong usage of {program}: unrecognized arguments: " in done.err


def test_help_of_a_command_names_the_manual_page(host):
    for name in ("show", "permit"):
        out = host.run("help", name).out
        assert out.endswith("More: man vdsm-backup-domain(8).\n")
