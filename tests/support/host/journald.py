# SPDX-License-Identifier: GPL-2.0-or-later
"""
A real journald in a mount namespace: what is run there talks to it, and
journalctl there reads what it keeps.

    with journald.Journald() as journal:
        subprocess.run([*journal.enter(), "command", ...])
        journal.entries("VDSM_BACKUP_ACTION=set")

It keeps what it gets in memory, and leaves the kernel alone: neither audit nor
/dev/kmsg is touched. It gives each entry the _UID of its sender, as on a host.
"""

import json
import os
import subprocess

import pytest

from tests.support.closing import Closing
from tests.support.processes import namespace
from tests.support.waiting import wait_until
from vdsm_backup.host import journal, journalctl

DAEMON = "/lib/systemd/systemd-journald"

_CONF = """
[Journal]
Storage=volatile
ReadKMsg=no
Audit=
ForwardToSyslog=no
RateLimitBurst=0
"""


def missing():
    """Why there can be none here, or ""."""
    for path in (DAEMON, journalctl.JOURNALCTL, "/etc/machine-id"):
        if not os.path.exists(path):
            return f"{path} is missing"
    return namespace.missing()


class Journald(Closing):
    """
    ns: the Namespace. Its /run is new, and is left with what journald needs.
    """

    def __init__(self):
        self.ns = namespace.Namespace()
        self._daemon = None
        try:
            self._write("/run/systemd/journald.conf.d/test.conf", _CONF)
            self.start()
        except BaseException:
            self.close()
            raise

    def close(self):
        self.stop()
        self.ns.close()

    def start(self):
        self._daemon = subprocess.Popen(
            [*self.enter(), DAEMON],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._is_up, what="journald's socket")

    def stop(self):
        """Nobody reads its socket any more, and the socket is gone."""
        if self._daemon:
            self._daemon.terminate()
            self._daemon.wait()
            self._daemon = None
            self.ns.run("rm", "-f", journal.SOCKET)

    def signal(self, number):
        self._daemon.send_signal(number)

    def enter(self, user=None):
        return self.ns.enter(user)

    def journalctl(self, *args):
        """Its stdout, when journald has all that was sent to it before."""
        self.ns.run(journalctl.JOURNALCTL, "--sync")
        done = subprocess.run(
            [*self.enter(), journalctl.JOURNALCTL, *args],
            stdout=subprocess.PIPE,
            check=True,
        )
        return done.stdout

    def entries(self, *matches):
        """Those of ours as journalctl gives them, fields by their names."""
        ours = f"SYSLOG_IDENTIFIER={journal.IDENTIFIER}"
        out = self.journalctl("--all", "-o", "json", ours, *matches)
        return [json.loads(line) for line in out.splitlines()]

    def forget(self):
        """Remove all that it keeps."""
        self.ns.run("sh", "-c", "rm -rf /run/log/journal/*/*.journal")
        self.stop()
        self.start()

    def _is_up(self):
        assert self._daemon.poll() is None
        command = ["test", "-S", journal.SOCKET]
        return not subprocess.run([*self.enter(), *command]).returncode

    def _write(self, path, text):
        self.ns.run("mkdir", "-p", os.path.dirname(path))
        subprocess.run(
            [*self.enter(), "tee", path],
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            check=True,
        )


needs_journald = pytest.mark.skipif(bool(missing()), reason=missing())
