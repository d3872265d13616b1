# SPDX-License-Identifier: GPL-2.0-or-later
"""
The worst night: an administrator types commands, and all that the terminal
shows is compared with a text that stands beside the test.

    pytest_plugins = ["tests.support.night"]

    def test_typo(night, host):
        night.types("show dtaa1")
        night.follows("see what this host can see")

The text of tests/integration/night_NAME_test.py is in night/NAME.txt, one
section a test: the name and the docstring of the test, and then each command
with its stdout, its stderr in lines that begin with "! ", and its exit code.
Lines that begin with "-- " tell what happens besides.
NIGHT=write writes the sections anew: read then what `git diff` shows.

What differs from run to run has another name in the texts: see Night.call().
"""

import contextlib
import os
import re
import subprocess
import sys

import pytest

from tests import ROOT
from tests.support import pagediff, programs
from vdsm_backup.cli.parser import PROGRAM

DIRECTORY = os.path.join(ROOT, "tests", "integration", "night")
WRITES = os.environ.get("NIGHT") == "write"

# Programs that a hint may name.
_PROGRAMS = (
    *(PROGRAM, "sudo", "vgimport", "vgchange", "chattr", "lsattr", "chown"),
    *("systemctl", "mount", "df", "vgrename", "wipefs"),
)
_COMMAND = re.compile(rf"(?:^|[ :])((?:{'|'.join(_PROGRAMS)}) .*)")

# Of the flags that the tests set: it is shown as it is.
_SINCE = "2026-11-22T11:40:00Z"

# The same in all tests.
_NAMES = (
    (rf"(?!{_SINCE})\b20\d\d-\d\d-\d\dT[\d:]{{8}}Z", "2026-11-29T03:04:05Z"),
    # A full stop, from LVM 2.03.17 or so on.
    (r"(?m)^(  Volume group .* successfully changed)\.$", r"\1"),
    (r"copy (\d+) is [^:]+ old:", r"copy \1 is 9 seconds old:"),
    # What is left of a permit of 2 or 4 hours.
    (r"for 1 hour 5\d minutes", "for 2 hours"),
    (r"for 3 hours 5\d minutes", "for 4 hours"),
    # Where there is a journal, it is told.
    (r"(?m)^! note: the journal of this host was not told of it\n", ""),
    (r"(BACKUP_ORIGIN=|  origin +)(file|block):.*", r"\1\2:..."),
    # There is none of them where there is a libvirt.
    (r"(?m)^! note: not seen: VMs of this host: .*\n", ""),
    (r"(?m)^(Note +)not seen: VMs of this host: .*\n {18}", r"\1"),
    (r"(?m)^(Note +)not seen: VMs of this host: .*", r"\1-"),
    (r"\b[0-9a-f]{40}\b", "CHECKSUM"),
    (r"\b(?:[0-9A-Za-z]{6}-)(?:[0-9A-Za-z]{4}-){5}[0-9A-Za-z]{6}\b", "LVMID"),
    (r"(file:\w+,inode:|process )\d+", r"\1NUMBER"),
    (r"; searched: .*", "; searched: ..."),
    # Columns are as wide as what has come within a second.
    (
        r"(?m)^(?:UUID +KIND|(?:[0-9a-f-]{36}|-) +(?:file|block)).*",
        lambda row: re.sub(" {2,}", "  ", row[0]),
    ),
    # So is their order.
    (r"(?m)(?:^(?:[0-9a-f-]{36}|-) +(?:file|block).*\n)+", pagediff.in_order),
    # Where VDSM can be imported, it does not listen.
    (r"(may change it, and) .*", r"\1 VDSM's client is not installed"),
)

# A shell script in place of the installed command.
_SCRIPT = """\
#!/bin/sh
if [ -n "$NIGHT_MOMENT" ]; then
    exec {python} -m tests.support.processes.interrupted \\
        "$NIGHT_SIGNAL" "$NIGHT_MOMENT" --config {config} "$@"
fi
exec {python} -m vdsm_backup --config {config} "$@"
"""


class Night:
    """
    What one test types, and what is shown.

    said: what the last command has said, as it was.
    """

    def __init__(self, directory, title, about):
        self._bin = os.path.join(directory, "bin")
        self._names = []
        self.said = ""
        self._text = [f"== {title}", about]
        self._host = None
        self._root = ROOT

    def on(self, host):
        """The host of the administrator. Its paths get those of oVirt."""
        self._host = host
        os.makedirs(self._bin, exist_ok=True)
        path = os.path.join(self._bin, PROGRAM)
        with open(path, "w") as f:
            script = _SCRIPT.format(python=sys.executable, config=host.config)
            f.write(script)
        os.chmod(path, 0o755)
        self._names.append((rf" --config {re.escape(host.config)}\b", ""))
        # By that of the host itself all its hooks go.
        text = "hooks that use this configuration refuse"
        self.call(text, "each hook refuses")
        self.call(host.repo, "/rhev/data-center")
        self.call(host.history, "/var/lib/vdsm-backup/history")
        self.call(host.permits, "/run/vdsm-backup-permits")
        self.call(host.run_dir, "/run/vdsm-backup")
        self.call(host.drop_ins, "/etc/vdsm-backup/conf.d")
        self.call(host.config, "/etc/vdsm-backup/vdsm-backup.conf")
        self.call(f"@{os.uname().nodename}", "@host1")

    def from_checkout(self, directory):
        """The program is that of another directory from now on."""
        self._root = directory

    def call(self, text, name):
        """What the text is called where it is shown; the first one counts."""
        self._names.append((re.escape(text), name))

    def tell(self, text):
        """What happens meanwhile."""
        self._text.append(f"-- {text}")

    def types(self, line, user=None, cwd="/", interrupted=None, shown_as=None):
        """
        A line for a shell; what the command says is shown.

        shown_as: instead of what it says, which differs from host to host.
        user: the number of who types; None: root.
        interrupted: (signal, moment) of interrupted.py.
        """
        env = {"PATH": f"{self._bin}:/usr/sbin:/usr/bin:/sbin:/bin"}
        if self._host.sanlock:
            env.update(self._host.sanlock.env)
        shown = f"# {line}" if user is None else f"$ {line}"
        if interrupted:
            number, moment = interrupted
            env["NIGHT_SIGNAL"] = f"{int(number)}"
            env["NIGHT_MOMENT"] = moment
            shown += f"      ({number.name} at: {moment})"
        done = subprocess.run(
            ["sh", "-c", line],
            env={**programs.environ(env), "PYTHONPATH": self._root},
            cwd=cwd,
            capture_output=True,
            text=True,
            input="",
            **({} if user is None else as_user(user)),
        )
        self.said = done.stdout + done.stderr
        out = done.stdout.splitlines()
        err = [f"! {s}".rstrip() for s in done.stderr.splitlines()]
        if shown_as is not None:
            out, err = [shown_as], []
        self._text.append(
            "\n".join([shown, *out, *err, f"exit {done.returncode}"])
        )
        return done

    def hint(self, beginning):
        """The only command that hints of the last command say so."""
        found = [line for line in self.said.splitlines() if beginning in line]
        commands = {
            command[1]
            for line in found
            if (command := _COMMAND.search(line.split(beginning, 1)[1]))
        }
        assert len(commands) == 1, (beginning, self.said)
        return commands.pop()

    def follows(self, beginning, words=None, **settings):
        """
        Type the command of a hint as it stands.

        words: {placeholder: what the administrator types there}.
        """
        line = self.hint(beginning)
        for placeholder, word in (words or {}).items():
            assert re.search(rf"\b{placeholder}\b", line), line
            word = word.replace("\\", r"\\")
            line = re.sub(rf"\b{placeholder}\b", word, line)
        # The administrator is root already.
        return self.types(line.removeprefix("sudo "), **settings)

    def text(self):
        return self._named("\n\n".join(self._text)) + "\n"

    def shown(self):
        """What the last command has said: the lines of a page."""
        # The first one is the command, the last one its exit code.
        lines = self._named(self._text[-1]).splitlines()[1:-1]
        return [line.removeprefix("! ") for line in lines]

    def _named(self, text):
        for pattern, name in (*self._names, *_NAMES):
            text = re.sub(pattern, name, text)
        return text


def as_user(number):
    return {"user": number, "group": number, "extra_groups": []}


_HEAD = """\
# SPDX-License-Identifier: GPL-2.0-or-later

See tests/support/night.py.

# what root types        $ what somebody else types
! stderr                 -- what happens besides


"""


class Book:
    """The text of one test file, by sections."""

    def __init__(self, test_file):
        name = os.path.basename(test_file)
        name = name.removeprefix("night_").removesuffix("_test.py")
        self.path = os.path.join(DIRECTORY, f"{name}.txt")
        with contextlib.suppress(FileNotFoundError):
            with open(self.path, encoding="utf-8") as f:
                self._head, *parts = re.split(r"(?m)^(?=== )", f.read())
                self._parts = {p.partition("\n")[0]: p for p in parts}
                return
        self._head, self._parts = _HEAD, {}

    def sections(self):
        return [title.removeprefix("== ") for title in self._parts]

    def section(self, title):
        return self._parts.get(f"== {title}", "").rstrip("\n") + "\n"

    def write(self, title, text):
        self._parts[f"== {title}"] = text
        parts = (part.rstrip("\n") + "\n\n\n" for part in self._parts.values())
        with open(self.path, "w", encoding="utf-8") as f:
            f.write((self._head + "".join(parts)).rstrip("\n") + "\n")


@pytest.fixture
def night(request, directory):
    """Compared with its section when the test has ended."""
    title = request.node.name
    about = " ".join((request.function.__doc__ or "").split())
    night = Night(directory, title, about)
    yield night
    if WRITES:
        Book(request.node.path).write(title, night.text())
    pagediff.assert_same(Book(request.node.path).section(title), night.text())


@pytest.fixture
def admin(night, leased):
    """The host of the administrator, with real leases."""
    leased.configure(settle=0)
    night.on(leased)
    return leased
