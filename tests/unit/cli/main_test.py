# SPDX-License-Identifier: GPL-2.0-or-later
"""What all commands have in common: arguments, errors, configuration."""

import errno
import io

import pytest

from tests.support import programs
from vdsm_backup import errors
from vdsm_backup.cli import commands, list, main, parser

NAMES = [command.name for command in commands.COMMANDS]


def test_error_is_one_line_and_hints(host):
    done = host.run("show", "nobody")
    first, *hints = done.err.splitlines()
    assert first == (
        "vdsm-backup-domain: error 956: Storage domain nobody was not found"
        " on this host"
    )
    assert hints and all(hint.startswith("hint: ") for hint in hints)
    assert (done.code, done.out) == (1, "")


def test_error_is_json_on_request(host):
    done = host.json("show", "nobody")
    assert done.error == 956
    assert done.code == 1


def test_common_options_may_stand_behind(host):
    assert host.run("show", "nobody", "--json").error == 956


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["no-such-command"],
        ["list", "--no-such-option"],
        ["list", "domain"],
        ["list", "--flag"],
        ["show"],
        ["show", ""],
        ["set", "", "--reason", "why"],
        ["verify", "data1", ""],
        ["verify", "--path", ""],
        ["show", "a", "b"],
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
        ["explain"],
        ["explain", "1"],
    ],
)
def test_wrong_usage(host, args):
    done = host.run(*args)
    assert done.err.startswith("vdsm-backup-domain: error 990: ")
    assert (done.code, done.out) == (2, "")
    assert host.run(*args, "--json").error == 990


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
    # Lines end between words, so they need not be full.
    assert width - 20 < max(map(len, str(e.value).splitlines())) <= width


def test_version(host):
    done = host.run("--version")
    assert (done.code, done.out) == (0, "vdsm-backup-domain 0.1.0\n")


def test_configuration_that_is_missing(host):
    done = host.run("--config", "/nonexistent/conf", "list")
    assert "error 987: Configuration /nonexistent/conf" in done.err
    assert done.code == 1


def test_configuration_after_the_command_wins(host):
    host.domain()
    done = host.run("list", "--config", "/nonexistent/conf")
    assert done.code == 1


@pytest.mark.parametrize(
    "error, code",
    [
        (errors.DomainNotFound("data1"), 1),
        (errors.WrongUsage("why", "who"), 2),
        (errors.InvalidReason("why"), 2),
        (errors.DomainInUse("data1", "VM web1"), 4),
        (errors.Interrupted(), 1),
    ],
)
def test_exit_code_of_errors(host, monkeypatch, error, code):
    fail(monkeypatch, error)
    assert host.run("list").code == code


def test_interrupt(host, monkeypatch):
    fail(monkeypatch, KeyboardInterrupt())
    done = host.run("list")
    assert done.err.startswith("vdsm-backup-domain: error 991: Interrupted")


def test_fault_of_ours_is_one_line_too(host, monkeypatch):
    fail(monkeypatch, LookupError("two\nlines \x1b[2J"))
    done = host.run("list")
    first, hint = done.err.splitlines()
    assert first == (
        "vdsm-backup-domain: error 999: Unexpected LookupError: two\\nlines"
        " \\x1b[2J"
    )
    assert done.code == 1
    assert host.json("list").error == 999


def test_debug_shows_the_trace(host, monkeypatch):
    fail(monkeypatch, LookupError("why"))
    done = host.run("list", "--debug")
    assert done.err.startswith("Traceback")
    assert "LookupError: why" in done.err


class Broken(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise OSError(self.error, "broken")


def test_reader_that_had_enough_is_no_failure(host):
    host.domain()
    err = io.StringIO()
    args = ["--config", host.config, "list"]
    assert main.main(args, Broken(errno.EPIPE), err) == 0
    assert err.getvalue() == ""


def test_result_that_cannot_be_printed_is_a_failure(host):
    host.domain()
    err = io.StringIO()
    args = ["--config", host.config, "list"]
    assert main.main(args, Broken(errno.ENOSPC), err) == 1
    assert "cannot print the result: broken" in err.getvalue()


def test_commands_load_only_what_they_need():
    module = "tests.support.processes.loaded_modules"
    out = programs.run(module, "explain", "960", check=True).stdout
    modules = set(out.splitlines()[-1].split())
    ours = {name for name in modules if name.startswith("vdsm_backup.")}
    assert "vdsm_backup.cli.explain" in ours
    assert not ours & {
        "vdsm_backup.change.change",
        "vdsm_backup.storage.discovery",
        "vdsm_backup.lease.client",
        "vdsm_backup.cli.list",
    }


def test_list_loads_only_what_it_needs(host):
    host.domain()
    module = "tests.support.processes.loaded_modules"
    args = (module, "--config", host.config, "list")
    out = programs.run(*args, check=True).stdout
    modules = set(out.splitlines()[-1].split())
    assert "vdsm_backup.storage.file" in modules
    # The first two take as long to import as Python to start.
    assert not modules & {
        "dataclasses",
        "inspect",
        "shutil",
        "traceback",
        "vdsm_backup.cli.wiring",
        "vdsm_backup.lvm.vgs",
    }


@pytest.mark.parametrize(
    "args", [("lst", "list"), ("lst",), ("--help", "set")]
)
def test_all_commands_are_named_also_where_one_is_meant(host, args):
    """To parse the arguments of one, only its own parser is made."""
    done = host.run(*args)
    assert [name for name in NAMES if name not in done.err + done.out] == []


@pytest.mark.parametrize("columns", ["40", "0", "-1", "x", None])
def test_the_width_of_what_is_no_terminal(monkeypatch, columns):
    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(parser.TextRequested) as e:
        parser.parse(["set", "--help"])
    longest = max(map(len, str(e.value).splitlines()))
    assert longest <= 38 if columns == "40" else 70 < longest <= 78


def fail(monkeypatch, error):
    def run(args, options, ui):
        raise error

    monkeypatch.setattr(list, "run", run)
