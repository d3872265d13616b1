# SPDX-License-Identifier: GPL-2.0-or-later
"""What all commands have in common, once it is known which one is meant."""

import errno
import io
import os
import shlex
import subprocess
import sys

import pytest

from tests import ROOT
from tests.support.hooks import permitfile
from vdsm_backup import errors
from vdsm_backup.cli import list, main, metrics, output
from vdsm_backup.cli import set as set_command


def test_error_is_one_line_and_hints(host):
    done = host.run("show", "nobody")
    first, *hints, more = done.err.splitlines()
    assert first == (
        "vdsm-backup-domain: error 956: Storage domain nobody was not found"
        " on this host"
    )
    assert hints and all(hint.startswith("hint: ") for hint in hints)
    assert more == "(more: vdsm-backup-domain explain 956)"
    assert (done.code, done.out) == (1, "")


def test_error_is_json_on_request(host):
    done = host.json("show", "nobody")
    assert done.error == 956
    assert done.code == 1


@pytest.mark.parametrize(
    "columns, width", [("60", 60), ("", None), ("x", None), ("0", None)]
)
def test_columns_of_the_environment(monkeypatch, columns, width):
    """As ps and ls do, also where the output is no terminal."""
    monkeypatch.setenv("COLUMNS", columns)
    ui = output.UI(io.StringIO(), io.StringIO(), False)
    assert ui.width == width


def test_progress_is_told_where_it_is_asked_for(host, monkeypatch):
    def run(args, options, ui):
        ui.progress("waiting")
        return 0

    monkeypatch.setattr(list, "run", run)
    assert host.run("list").err == ""
    assert host.run("list", "--verbose").err == "waiting ...\n"
    assert host.run("list", "--verbose", "--json").err == "waiting ...\n"


@pytest.mark.parametrize(
    "args",
    [
        ["set", "data 1", "--reason", "why"],
        ["set", "data1", "--reason", "why", "--dry-run"],
        ["clear", "data1", "--reason", "why"],
        ["restore", "data1"],
        ["reseal", "data1", "--reason", "why"],
        ["history", "data1"],
        ["history", "--all"],
    ],
)
def test_what_needs_root_says_so_before_anything_else(host, monkeypatch, args):
    """And the whole command, so that it can be copied."""
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    done = host.run(*args)
    command = shlex.join(["--config", host.config, *args])
    assert done.err.splitlines() == [
        "vdsm-backup-domain: error 9608: This needs root: sudo"
        f" vdsm-backup-domain {command}",
        "(more: vdsm-backup-domain explain 9608)",
    ]
    assert (done.code, done.out) == (1, "")


@pytest.mark.parametrize("args", [["list"], ["permit", "--list"]])
def test_what_anybody_may_ask(host, monkeypatch, args):
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    assert host.run(*args).code == 0


def test_version(host):
    done = host.run("--version")
    assert (done.code, done.out) == (0, "vdsm-backup-domain 0.1.0\n")
    as_json = host.json("--version").json
    assert as_json == {"schema": 1, "version": "0.1.0"}


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
        (errors.Interrupted(""), 130),
    ],
)
def test_exit_code_of_errors(host, monkeypatch, error, code):
    fail(monkeypatch, error)
    assert host.run("list").code == code


def test_interrupt(host, monkeypatch):
    fail(monkeypatch, KeyboardInterrupt())
    done = host.run("list")
    assert done.err.splitlines() == [
        "vdsm-backup-domain: error 991: Interrupted, nothing was changed",
        "(more: vdsm-backup-domain explain 991)",
    ]


def test_interrupt_while_a_change_ends_with_an_error(host, monkeypatch):
    """It is not told then what the error says of the change."""

    def fail_twice(*args):
        try:
            raise errors.OutcomeUnknown("data1", "no answer")
        finally:
            raise KeyboardInterrupt

    monkeypatch.setattr(set_command, "run", fail_twice)
    done = host.run("set", "data1", "--reason", "why")
    first, hint, _ = done.err.splitlines()
    assert first.endswith(
        "Interrupted, and the outcome is unknown (error 982)"
    )
    assert hint.startswith("hint: look: vdsm-backup-domain show data1")
    assert done.code == 130


def test_fault_of_ours_is_one_line_too(host, monkeypatch):
    fail(monkeypatch, LookupError("two\nlines \x1b[2J"))
    done = host.run("list")
    first, hint, _ = done.err.splitlines()
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


def test_reader_of_metrics_that_had_enough(host, monkeypatch):
    monkeypatch.setattr(metrics, "_samples", lambda *args: ([], []))
    err = io.StringIO()
    args = ["--config", host.config, "metrics"]
    assert main.main(args, Broken(errno.EPIPE), err) == 0
    assert err.getvalue() == ""


def test_ctrl_c_while_the_program_is_imported():
    """Nothing has begun: no traceback."""
    code = (
        "import os, sys; from vdsm_backup import __main__;"
        "sys.meta_path.insert(0, type('', (), {'find_spec':"
        " lambda *a: os.kill(os.getpid(), 2)})()); __main__.run()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (-2, b"", b"")


def test_result_that_cannot_be_printed_is_a_failure(host):
    host.domain()
    err = io.StringIO()
    args = ["--config", host.config, "list"]
    assert main.main(args, Broken(errno.ENOSPC), err) == 1
    assert "cannot print the result: broken" in err.getvalue()


FLAGGED = {
    "BACKUP": "True",
    "BACKUP_REASON": "why",
    "BACKUP_BY": "root@host1",
    "BACKUP_SINCE": "2026-11-22T11:40:00Z",
}


@pytest.mark.parametrize("json", [[], ["--json"]])
@pytest.mark.parametrize(
    "values, args, shown",
    [
        ({}, ["set", "data1", "--reason", "why"], "is a backup domain now."),
        (
            FLAGGED,
            ["clear", "data1", "--reason", "why"],
            "is no longer a backup domain.",
        ),
        (
            {"BACKUP": "False"},
            ["reseal", "data1", "--reason", "why"],
            "has the right checksum (_SHA_CKSUM).",
        ),
    ],
)
def test_a_change_of_which_nothing_can_be_printed(
    host, values, args, shown, json
):
    """Who reads that it failed must not take the domain for unchanged."""
    host.domain(**values)
    code, err = _to_full(host, *args, *json)
    assert "cannot print the result: broken\n" in err
    (note,) = [s for s in err.splitlines() if "the result is" in s]
    assert note.startswith("note: the result is: ")
    assert "storage domain data1" in note.lower() and note.endswith(shown)
    assert code == 1


def test_a_restored_domain_of_which_nothing_can_be_printed(host):
    host.domain()
    assert host.run("set", "data1", "--reason", "why").code == 0
    code, err = _to_full(host, "restore", "data1", "--from", "1")
    assert "has the metadata of copy 1 again and is not a backup d" in err
    assert code == 1


@permitfile.needs_root
@pytest.mark.parametrize("json", [[], ["--json"]])
def test_a_permit_of_which_nothing_can_be_printed(host, json):
    vm = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
    what = ["permit", "--vm", vm, *json]
    _, err = _to_full(host, *what, "--for", "2h", "--reason", "why")
    assert f"the result is: VM {vm} may use flagged domains" in err
    _, err = _to_full(host, *what, "--revoke")
    assert f"the result is: VM {vm} no longer has a permit." in err


def test_an_error_that_cannot_be_printed(host):
    """In JSON it goes to stdout; its exit code says what kind it is."""
    host.domain(**FLAGGED)
    args = ["set", "data1", "--reason", "other"]
    code, err = _to_full(host, "--json", *args)
    assert "the result is: error 9601: Storage domain " in err
    assert code == 4


def _to_full(host, *args):
    """(exit code, stderr) of a command whose stdout is full."""
    err = io.StringIO()
    args = ["--config", host.config, *args]
    code = main.main(args, Broken(errno.ENOSPC), err)
    return code, err.getvalue()


def fail(monkeypatch, error):
    def run(args, options, ui):
        raise error

    monkeypatch.setattr(list, "run", run)
