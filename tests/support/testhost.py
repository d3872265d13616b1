# SPDX-License-Identifier: GPL-2.0-or-later
"""
The host that tests run us on: its storage, configuration, history and records
are in one directory, and nothing of the real host is looked at.
"""

import io
import os
import subprocess

from tests.support import programs
from tests.support.closing import Closing
from tests.support.commandline import Done, Screen
from tests.support.configfile import ConfigFile
from tests.support.host.unused_port import UnusedPort
from tests.support.lease import sanlockd
from tests.support.processes import warm
from tests.support.storage import filedomain
from vdsm_backup.cli import main
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines


class Host(Closing):
    """
    VDSM is stopped: nobody listens on its port, until start_vdsm().

    sanlock: its sanlockd.Host. block: the block domains whose devices it sees.
    options: of its configuration, see configfile.
    """

    def __init__(
        self, directory, io_timeout=30, sanlock=None, block=(), **options
    ):
        self._dir = str(directory)
        self.repo = os.path.join(self._dir, "repo")
        self.history = os.path.join(self._dir, "history")
        self.run_dir = os.path.join(self._dir, "run")
        self.permits = os.path.join(self._dir, "permits")
        self.io_timeout = io_timeout
        self.sanlock = sanlock
        os.makedirs(os.path.join(self.repo, "mnt", "blockSD"))
        self.mount = self.add_mount("server:_data")
        self._port = UnusedPort()
        ours = {
            "repo_root": self.repo,
            "io_timeout": io_timeout,
            "user": os.getuid(),
            "group": os.getgid(),
            "ioprocess": "embedded",
            "run_dir": self.run_dir,
            "permits": self.permits,
            "settle": 0,
            "dir": self.history,
            "host": "127.0.0.1",
            "port": self._port.number,
        }
        if block:
            ours["devices"] = ", ".join(d for b in block for d in b.devices)
            ours["lv_dir"] = block[0].lv_dir
        self._file = ConfigFile(
            os.path.join(self._dir, "conf"), **{**ours, **options}
        )
        self.config = self._file.path
        self.drop_ins = self._file.drop_ins

    def close(self):
        self._port.close()

    def start_vdsm(self):
        self._port.listen()

    def configure(self, **options):
        """Change options; None: as they were when the host was made."""
        self._file.set(**options)

    # Storage

    def add_mount(self, name, target=None):
        """A new directory, or a link to one, where VDSM mounts."""
        path = os.path.join(self.repo, "mnt", name)
        if target:
            os.symlink(target, path)
        else:
            os.makedirs(path)
        return path

    def domain(self, *args, mount=None, **values):
        return filedomain.make(mount or self.mount, *args, **values)

    def initialize(self, sd_id):
        """Its lockspace and its lease, by our sanlock: sanlockd.Leases."""
        dom_md = os.path.join(self.mount, sd_id, "dom_md")
        return sanlockd.Leases(sd_id, dom_md).initialize(self.sanlock)

    def bytes(self, sd_id):
        return filedomain.get_bytes(self.mount, sd_id)

    def values(self, sd_id):
        """Of metadata that is whole."""
        lines = encoding.decode_file(self.bytes(sd_id), sd_id)
        found = md_lines.parse(lines)
        assert found.seal == "valid"
        return found.values

    # The command

    def run(self, *args, terminal=False):
        """In this process."""
        out = Screen() if terminal else io.StringIO()
        err = Screen() if terminal else io.StringIO()
        with warm.children():
            code = main.main(["--config", self.config, *args], out, err)
        return Done(int(code), out.getvalue(), err.getvalue())

    def json(self, *args):
        return self.run("--json", *args)

    def command(self, *args):
        """For a process of its own."""
        return programs.command("vdsm_backup", "--config", self.config, *args)

    def start(self, *args, module="vdsm_backup", **options):
        """module: what is run; options: of programs.start()."""
        if module == "vdsm_backup":
            args = ["--config", self.config, *args]
        options["env"] = self._env(options.get("env"))
        pipes = {"stdin": None, "stderr": subprocess.PIPE}
        return programs.start(module, *args, **{**pipes, **options})

    def process(self, *args, **options):
        with self.start(*args, **options) as process:
            out, err = process.communicate()
        return Done(process.returncode, out, err)

    def kept(self):
        """Copies in the history, of all domains."""
        found = []
        for _, _, names in os.walk(self.history):
            found += [name for name in names if name.endswith(".json")]
        return found

    def _env(self, more):
        ours = self.sanlock.env if self.sanlock else {}
        return {**ours, **(more or {})}
