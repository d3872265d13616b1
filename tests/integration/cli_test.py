# SPDX-License-Identifier: GPL-2.0-or-later
"""The command as a process of its own: pipes and terminals."""

import json
import os
import subprocess
import time

import pytest

from tests import ROOT
from tests.support import commandline, programs
from tests.support.clifixtures import A, B
from tests.support.terminal import Terminal
from vdsm_backup.cli import layout

pytest_plugins = ["tests.support.clifixtures"]

EVIL = "a\x1b[2Jb\u202ec"


def test_it_is_the_command_of_setup_py():
    with open(os.path.join(ROOT, "setup.py")) as f:
        assert "vdsm-backup-domain = vdsm_backup.__main__:run" in f.read()


def test_result_on_stdout_errors_on_stderr(host):
    host.domain(sd_id=A, name="data1")
    done = host.process("list")
    assert done.out.splitlines()[1].split()[:2] == [A, "file"]
    assert (done.code, done.err) == (0, "")
    done = host.process("show", "nobody")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("vdsm-backup-domain: error 956: ")
    assert host.process("show").code == 2


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_locale_that_cannot_show_a_name(host, locale):
    host.domain(name="\u4e2d\u6587 \U0001f4be")
    done = host.process(
        "list",
        env={"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    assert (done.code, done.err) == (0, "")


def test_argument_that_is_no_text(host):
    command = [os.fsencode(arg) for arg in host.command("show", "--json")]
    done = subprocess.run(
        [*command, b"\xff\x1b[2J"], cwd=ROOT, capture_output=True
    )
    assert json.loads(done.stdout)["error"]["code"] == 956
    assert done.stdout.isascii() and b"\x1b" not in done.stdout


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_files_that_are_closed(host, closed):
    """What we open must not end up as somebody's stdout."""
    host.domain()
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}; echo "exit $?"', "sh"]
        + host.command("list"),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout.endswith("exit 0\n")
    assert done.stderr == ""


def test_reader_that_has_enough(host):
    for _ in range(3):
        host.domain()
    with host.start("list") as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_full_disk(host):
    host.domain()
    with open("/dev/full", "w") as full:
        with host.start("list", stdout=full) as process:
            _, err = process.communicate()
    assert err == (
        "vdsm-backup-domain: cannot print the result: No space left on"
        " device\n"
    )
    assert process.returncode == 1


@pytest.mark.parametrize("columns", [80, 100])
def test_terminal(host, columns):
    """
    Tables and the help are as wide as the terminal, and all is plain: no
    colours, nothing that moves.
    """
    flag = {"BACKUP": "True", "BACKUP_REASON": "copies of it " * 30}
    host.domain(sd_id=A, name="n" * 100, **flag)
    host.domain(sd_id=B, name=EVIL, MINE="x" * 200)
    for args in (["list"], ["show", A], ["show", B], ["verify"]):
        code, out = on_terminal(host, columns, *args)
        assert code == 0
        assert commandline.hidden(out) == []
        # A text, which belongs to the line above it, is one line.
        rows = [line for line in out.splitlines() if line[0] != " "]
        if args == ["list"]:
            assert max(map(layout.columns, rows)) == columns
            assert "    reason: " + "copies of it " * 18 in out
    for args in (["--help"], ["check", "--help"]):
        _, out = on_terminal(host, columns, *args)
        widest = max(map(len, out.splitlines()))
        assert columns - 20 < widest <= columns


def on_terminal(host, columns, *args):
    with Terminal(columns) as terminal:
        with host.start(*args, stdout=terminal.side) as process:
            terminal.release()
            out = terminal.read_all()
            process.communicate()
    return process.returncode, out


def test_texts_from_storage(host):
    """Harmless where they are shown, whole in JSON."""
    flag = {"BACKUP": "True", "BACKUP_REASON": EVIL, "BACKUP_BY": EVIL}
    host.domain(sd_id=A, name=EVIL, **flag)
    for args in (["list"], ["show", A], ["verify", A], ["show", EVIL]):
        done = host.process(*args)
        assert commandline.hidden(done.out + done.err) == []
        assert r"a\x1b[2Jb\u202ec" in done.out
    (row,) = host.process("list", "--json").json["domains"]
    assert (row["name"], row["reason"], row["by"]) == (EVIL, EVIL, EVIL)


def test_nothing_holds_up_the_end(host):
    """Here a thread, as one may wait for a child that is stuck."""
    started = time.monotonic()
    done = programs.run(
        "tests.support.processes.busy_command", "explain", "956"
    )
    assert time.monotonic() - started < 30
    assert done.stdout.startswith("Error 956")
    assert done.returncode == 0
