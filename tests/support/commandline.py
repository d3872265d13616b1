# SPDX-License-Identifier: GPL-2.0-or-later
"""
A host to run the command line on: its storage, configuration and history are
in one directory, and nothing of the real host is looked at.
"""

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import unicodedata
from dataclasses import dataclass

from tests import ROOT
from tests.support.storage import filedomain
from vdsm_backup.cli import main

# The keys of docs/json.md.
DOMAIN = set(
    """
    id name kind type version class pool flag reason by since origin
    origin_match seal error place notes
    """.split()
)
ERROR = {"code", "name", "message", "hints"}
REFUSAL = ERROR | {"domain", "disk", "operation", "refused"}
VERIFIED = {"id", "ok", "problems", "name", "place", "notes"}
USERS = {"blocking", "images", "notes"}
CHECK = {"name", "state", "text", "hint"}
CHANGED = {"schema", "domain", "changed", "dry_run", "notes"}
RESTORED = CHANGED | {"copy", "age", "difference"}
DIFFERENCE = {"removed", "added"}
COPY = {"number", "time", "by", "action", "place", "flag", "seal"}

# Controls, format characters (bidi), surrogates, separators of lines.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.err == ""
        result = json.loads(self.out)
        assert result["schema"] == 1
        return result

    @property
    def error(self):
        """Code of the error in JSON."""
        assert set(self.json) == {"schema", "error"}
        assert set(self.json["error"]) == ERROR
        return self.json["error"]["code"]


class Screen(io.StringIO):
    """A terminal of 80 columns."""

    def isatty(self):
        return True


class Host:
    """VDSM is stopped: nobody listens on its port, until start_vdsm()."""

    def __init__(self, directory, io_timeout=10, **config):
        self._dir = str(directory)
        self.repo = os.path.join(self._dir, "repo")
        self.history = os.path.join(self._dir, "history")
        self.run_dir = os.path.join(self._dir, "run")
        self.config = os.path.join(self._dir, "conf")
        self.io_timeout = io_timeout
        os.makedirs(os.path.join(self.repo, "mnt", "blockSD"))
        self.mount = self.add_mount("server:_data")
        self._vdsm = socket.socket()
        self._vdsm.bind(("127.0.0.1", 0))
        self._configure(**config)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._vdsm.close()

    def start_vdsm(self):
        self._vdsm.listen()

    def _configure(self, **more):
        options = {
            "user": os.getuid(),
            "group": os.getgid(),
            "ioprocess": "embedded",
            "settle": 0,
            "devices": "",
            "lv_dir": "/dev",
            **more,
        }
        text = f"""
            [storage]
            repo_root = {self.repo}
            io_timeout = {self.io_timeout}
            user = {options["user"]}
            group = {options["group"]}
            ioprocess = {options["ioprocess"]}
            [lvm]
            devices = {options["devices"]}
            lv_dir = {options["lv_dir"]}
            [sanlock]
            run_dir = {self.run_dir}
            settle = {options["settle"]}
            [history]
            dir = {self.history}
            [vdsm]
            host = 127.0.0.1
            port = {self._vdsm.getsockname()[1]}
            """
        with open(self.config, "w") as f:
            f.writelines(f"{line.strip()}\n" for line in text.splitlines())

    def add_mount(self, name):
        path = os.path.join(self.repo, "mnt", name)
        os.makedirs(path)
        return path

    def domain(self, *args, mount=None, **values):
        return filedomain.make(mount or self.mount, *args, **values)

    def bytes(self, sd_id):
        return filedomain.get_bytes(self.mount, sd_id)

    def run(self, *args, terminal=False):
        """In this process."""
        out = Screen() if terminal else io.StringIO()
        err = Screen() if terminal else io.StringIO()
        code = main.main(["--config", self.config, *args], out, err)
        return Done(int(code), out.getvalue(), err.getvalue())

    def json(self, *args):
        return self.run("--json", *args)

    def command(self, *args):
        """For a process of its own."""
        command = [sys.executable, "-m", "vdsm_backup"]
        return [*command, "--config", self.config, *args]

    def start(self, *args, **options):
        settings = {"stdout": -1, "stderr": -1, "text": True, "cwd": ROOT}
        return subprocess.Popen(self.command(*args), **{**settings, **options})

    def process(self, *args, env=None):
        env = {**os.environ, **(env or {})}
        with self.start(*args, env=env) as process:
            out, err = process.communicate()
        return Done(process.returncode, out, err)

    def kept(self):
        """Copies in the history, of all domains."""
        found = []
        for _, _, names in os.walk(self.history):
            found += [name for name in names if name.endswith(".json")]
        return found


class Held:
    """A lease that nobody contests: what matters here is not sanlock."""

    def __init__(self):
        self._end, self._lease = socket.socketpair()
        self.fd = self._lease.fileno()

    def check(self):
        pass

    def close(self):
        self._end.close()
        self._lease.close()


@contextlib.contextmanager
def free_lease(request, progress):
    """In place of lease.client.take()."""
    progress("taking a lease")
    held = Held()
    try:
        yield held
    finally:
        held.close()


def hidden(text):
    """Characters that a terminal does not show, but obeys."""
    return [
        char
        for char in text
        if char != "\n" and unicodedata.category(char) in _HIDDEN
    ]
