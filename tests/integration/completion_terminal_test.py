# SPDX-License-Identifier: GPL-2.0-or-later
"""The completion as it is typed, in a bash on a terminal."""

import os
import subprocess

import pytest

from tests.support.completing import SCRIPT, complete, needs_bash
from tests.support.terminal import Terminal
from vdsm_backup.cli import parser

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"

pytest_plugins = ["tests.support.clifixtures", "tests.support.completing"]
pytestmark = needs_bash


# What is on storage may be anything. Each is typed as far as "x".
NAMES = [
    "x1",
    "x back ups",
    "x  two",
    "x\u00e4\u00f6 \u6f22\u5b57",
    "x:y",
    "x=1:2 3",
    "x'quote",
    'x"quote',
    "x\\back\\slash",
    "x\\",
    "x$HOME",
    "x$(touch owned)",
    "x`touch owned`",
    "x;touch owned",
    "x&touch owned&",
    "x|touch owned",
    "x>owned",
    "x<(touch owned)",
    "x${a:=`touch owned`}",
    "x!!",
    "x!touch",
    "x*",
    "x[a]",
    "x{a,b}",
    "x#y",
    "x~",
    "x @z",
    "x$'\\'; touch owned'",
]


class Bash:
    """A bash on a terminal, in which the command prints its arguments."""

    def __init__(self, terminal, directory, script=SCRIPT):
        self._terminal = terminal
        self._directory = directory
        self._count = 0
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "TERM": "dumb",
            "LC_ALL": "C.UTF-8",
            "HISTFILE": "/dev/null",
            "BASH_COMPLETION_USER_DIR": str(directory),
            "INPUTRC": "/dev/null",
        }
        (directory / "rc").write_text(
            f"PS1='ready '; set +o noclobber\n"
            f"source {script}\n"
            f"_vdsm_backup_domain_file={directory}/scan\n"
            "bind 'set bell-style none'; bind 'set page-completions off'\n"
            "vdsm-backup-domain() {\n"
            "    printf '%s\\0' \"$@\" >args.new; mv args.new args\n"
            "    printf 'done %s\\n' \"$count\"\n"
            "}\n"
        )
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--rcfile", "rc", "-i"],
            stdin=terminal.side,
            stdout=terminal.side,
            stderr=terminal.side,
            cwd=directory,
            env=environment,
            start_new_session=True,
        )
        terminal.wait_for("ready ")

    def type(self, typed):
        self._terminal.type(typed)

    def run(self, typed):
        """The arguments that the command gets from this line."""
        self._count += 1
        self._terminal.type(f"count={self._count}\r{typed}\r")
        self._terminal.wait_for(f"done {self._count}\n")
        data = (self._directory / "args").read_bytes()
        return os.fsdecode(data).split("\0")[:-1]


@pytest.fixture
def bash(tmp_path):
    with Terminal(200) as terminal:
        bash = Bash(terminal, tmp_path)
        try:
            yield bash
        finally:
            bash.process.kill()
            bash.process.wait()


def holds(quote, name):
    """Whether a name can stand in these quotes."""
    return {"": True, "'": "'" not in name, '"': "!" not in name}[quote]


@pytest.mark.slow("a command for each of many names")
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_name_arrives_as_it_is(bash, tmp_path, scan, quote):
    """And nothing of it is run."""
    for name in NAMES:
        if holds(quote, name):
            scan({A: name, B: "other"})
            got = bash.run(f"vdsm-backup-domain show {quote}x\t")
            assert got == ["show", name]
    assert sorted(os.listdir(tmp_path)) == ["args", "rc", "scan"]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_what_quotes_cannot_hold_is_not_offered(tmp_path, scan, quote):
    for name in NAMES:
        scan({A: name})
        line = f"vdsm-backup-domain show {quote}x"
        assert bool(complete(tmp_path, line)) == holds(quote, name), name


def test_a_name_is_completed_behind_what_bash_takes_for_words(bash, scan):
    """That is ":" and "="; and a name may be begun in many ways."""
    scan({A: "a:b c=d e", B: "other"})
    for typed in (
        "a",
        "a:",
        "a:b",
        "a:b\\ c",
        "a:b\\ c=",
        "'a:b c",
        '"a:b c=',
    ):
        got = bash.run(f"vdsm-backup-domain show {typed}\t")
        assert got == ["show", "a:b c=d e"], typed


def test_names_are_completed_as_far_as_they_are_one(bash, scan):
    scan({A: "back up 1", B: "back up 2"})
    assert bash.run("vdsm-backup-domain show ba\t2\t") == ["show", "back up 2"]
    got = bash.run(f"vdsm-backup-domain show {A[:3]}\t {B[:3]}\t")
    assert got == ["show", A, B]


def test_what_was_typed_is_not_run(bash, tmp_path, scan):
    scan({A: "x"})
    for typed in ("$(touch owned)", "`touch owned`", '"$(touch owned)'):
        # The line is thrown away (Ctrl-U) after the completion.
        bash.type(f"vdsm-backup-domain show {typed}\t\t\x15")
    assert bash.run("vdsm-backup-domain list\t") == ["list"]
    assert not (tmp_path / "owned").exists()


def test_commands_options_and_operations(bash, scan):
    got = bash.run("vdsm-backup-domain che\t--oper\tmigrate-\t--domx\tv")
    assert got == ["check", "--operation", "migrate-in", "--domxml", "v"]


@pytest.mark.parametrize("kind", ["missing", "fifo", "closed", "binary"])
def test_a_file_that_is_none(bash, tmp_path, scan, kind):
    """A FIFO would stop the shell of root for good."""
    path = tmp_path / "scan"
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "closed":
        path.mkdir()
    elif kind == "binary":
        path.write_bytes(b"\xff\0\n" + f"{A}\tx\xff\xfe\n".encode("latin1"))
    typed = "vdsm-backup-domain show x\t"
    if kind == "binary":
        assert bash.run(typed) == ["show", "x\udcff\udcfe"]
    else:
        assert bash.run(typed) == ["show", "x"]


LOADER = "/usr/share/bash-completion/bash_completion"


@pytest.mark.skipif(
    not os.path.exists(LOADER), reason="bash-completion is not here"
)
def test_it_is_loaded_when_it_is_needed(tmp_path, scan):
    """By its name, as the package has it."""
    completions = tmp_path / "completions"
    completions.mkdir()
    (completions / parser.PROGRAM).symlink_to(SCRIPT)
    with Terminal(200) as terminal:
        bash = Bash(terminal, tmp_path, LOADER)
        try:
            got = bash.run("vdsm-backup-domain expl\t994")
        finally:
            bash.process.kill()
            bash.process.wait()
    assert got == ["explain", "994"]
