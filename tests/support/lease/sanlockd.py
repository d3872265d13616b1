# SPDX-License-Identifier: GPL-2.0-or-later
"""
Real sanlock daemons, unprivileged and without a watchdog, each in a run
directory of its own. Several of them on one storage play several hosts.

The sanlock library remembers the first run directory that it was told, so
whoever is to act on another host needs a process of its own: Host.start().
"""

import contextlib
import grp
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import uuid

from tests.support import programs, rundir
from tests.support.closing import Closing
from tests.support.processes import proc
from tests.support.waiting import wait_until
from vdsm_backup.lease.request import LeaseRequest

SANLOCK = "/usr/sbin/sanlock"
MIB = 1024**2

# Seconds. Joining takes 3 of them with 1, and 21 with sanlock's default 10. An
# emulated machine needs more than 1.
IO_TIMEOUT = int(os.environ.get("VDSM_BACKUP_IO_TIMEOUT", 1))

GUARD = b"X" * 4096

# What makes calls for a Host.
CALLER = "tests.support.lease.caller"

# Calls that take nothing, and that sanlock answers at once. Tests ask for
# them again and again until something has happened.
_SERVED = ("initialize", "lockspaces")


def missing():
    """Why there can be no Host here; None if there can."""
    if not shutil.which(SANLOCK):
        return f"no sanlock: {SANLOCK} is missing"
    try:
        import sanlock  # noqa: F401
    except ImportError as e:
        return f"no sanlock: {e}"
    return None


class Host(Closing):
    """
    A sanlock daemon.

    name: what other hosts see as the owner of its slots.
    aio: as on a host. A block for which the storage takes longer than the I/O
        timeout is given up, which a busy disk does. Without it that is waited
        for; a lease that is not renewed is lost as ever.
    env: what makes a process use this daemon.
    run_dir: for the tool's [sanlock] run_dir on this host.
    """

    def __init__(self, name, aio=False):
        self.name = name
        self._aio = aio
        self._dir = rundir.make("sanlock")
        self.run_dir = os.path.join(self._dir, "tool")
        self.env = {"SANLOCK_RUN_DIR": self._dir, "SANLOCK_PRIVILEGED": "0"}
        self._caller, self._calls = None, threading.Lock()
        self._daemon = self._start()
        try:
            wait_until(self._is_ready, what=self.log)
        except BaseException:
            self.stop()
            raise

    def restart(self):
        """The daemon is killed, and another one started: it knows nothing."""
        _kill(self._dir)
        self._daemon.wait()
        self._daemon = self._start()
        wait_until(self._is_ready, what=self.log)

    def close(self):
        self.stop()

    def stop(self):
        """The host crashes, and is not seen again."""
        clean_stale(self._dir)
        self._daemon.wait()
        if self._caller:
            self._caller.communicate()
        rundir.remove(self._dir)

    def freeze(self, pids):
        """
        All of the host stands still: its daemon, and these processes. They
        are on record, since nothing else would end them.
        """
        with open(os.path.join(self._dir, "frozen"), "w") as f:
            for pid in pids:
                f.write(f"{pid} {rundir.start_time(pid)}\n")
        proc.stop(self._all(pids))

    def thaw(self, pids):
        proc.kill(self._all(pids), signal.SIGCONT)

    def _all(self, pids):
        return [*_using(self._dir), *pids]

    @property
    def pid(self):
        return self._daemon.pid

    def log(self):
        with open(os.path.join(self._dir, "log")) as f:
            return f.read()

    def start(self, module, *args):
        """A program of this host."""
        return programs.start(module, *args, env=self.env)

    def call(self, call, *args):
        """What the function of caller.py says, once it has ended."""
        if call in _SERVED:
            return self._serve(call, args)
        with self._calling(call, *args) as process:
            output, _ = process.communicate()
        assert process.returncode == 0, (call, args)
        return json.loads(output)

    def joined(self, domain):
        """The host id by which this host is in the lockspace, or None."""
        return self.call("lockspaces").get(domain.sd_id)

    def join(self, domain, host_id, path=None):
        path = path or domain.ids
        self.call("join", domain.sd_id, host_id, path, IO_TIMEOUT)

    def try_to_join(self, domain, host_id):
        """It may be refused."""
        with contextlib.suppress(AssertionError):
            self.join(domain, host_id)

    def leave(self, domain, host_id):
        self.call("leave", domain.sd_id, host_id, domain.ids)

    @contextlib.contextmanager
    def holding(self, domain):
        """Another process of this host has the SDM lease."""
        with self._calling("acquire", *domain.sdm) as it:
            try:
                assert json.loads(it.stdout.readline()) == 0
                yield it
            finally:
                it.stdin.close()

    def acquire(self, domain):
        """Take the SDM lease, give it back: 0, or sanlock's errno."""
        return self.call("acquire", *domain.sdm)

    def _serve(self, call, args):
        """By a process that stays: starting Python takes longer than that."""
        with self._calls:
            if self._caller is None or self._caller.poll() is not None:
                self._caller = self.start(CALLER)
            self._caller.stdin.write(json.dumps([call, args]) + "\n")
            self._caller.stdin.flush()
            answer = json.loads(self._caller.stdout.readline())
        assert "gives" in answer, (call, args, answer)
        return answer["gives"]

    def _calling(self, call, *args):
        return self.start(CALLER, call, json.dumps(args))

    def _start(self):
        user = pwd.getpwuid(os.getuid()).pw_name
        group = grp.getgrgid(os.getgid()).gr_name
        cmd = [SANLOCK, "daemon", "-D", "-e", self.name]
        cmd += ["-a", str(int(self._aio))]
        # No watchdog, no locked memory, no real time.
        cmd += ["-w", "0", "-l", "0", "-h", "0", "-U", user, "-G", group]
        # More joins at once than a host has: tests share a daemon.
        cmd += ["-t", "40"]
        with open(os.path.join(self._dir, "log"), "w") as log:
            return subprocess.Popen(
                cmd,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _is_ready(self):
        if self._daemon.poll() is not None:
            raise RuntimeError(f"sanlock ended: {self.log()}")
        path = os.path.join(self._dir, "sanlock.sock")
        with socket.socket(socket.AF_UNIX) as sock:
            return not sock.connect_ex(path)


def initialize(host, sd_id, ids, leases, align=1 * MIB, sector=512):
    """The lockspace and the SDM resource of a storage domain."""
    host.call("initialize", sd_id, ids, leases, align, sector, IO_TIMEOUT)


class Leases:
    """Where a domain has its ids and leases; its sdm is what sanlock takes."""

    def __init__(self, sd_id, directory):
        self.sd_id = sd_id
        self.ids = os.path.join(directory, "ids")
        self.leases = os.path.join(directory, "leases")
        self.sdm = [sd_id, self.leases, MIB]

    def initialize(self, host):
        initialize(host, self.sd_id, self.ids, self.leases)
        return self


class Domain:
    """
    ids and leases of a storage domain, as VDSM makes them
    (lib/vdsm/storage/clusterlock.py, initLock()), with guard bytes where
    nobody may write: behind both, and in the slot before SDM's.
    """

    def __init__(self, host, directory, align=1 * MIB, sector=512):
        self.sd_id = str(uuid.uuid4())
        self.align = align
        self.sector = sector
        # As in the directories of mounts: sanlock's command line takes a
        # colon for a separator.
        self._dir = os.path.join(directory, f"server:_{self.sd_id}")
        os.mkdir(self._dir)
        self.ids = os.path.join(self._dir, "ids")
        self.leases = os.path.join(self._dir, "leases")
        self.sdm = [self.sd_id, self.leases, align]
        self._guards = [
            (self.ids, align),
            (self.leases, 0),
            (self.leases, align - len(GUARD)),
            (self.leases, 2 * align),
        ]
        for path, offset in self._guards:
            with open(path, "ab"):
                pass
            with open(path, "r+b") as f:
                f.seek(offset)
                f.write(GUARD)
        initialize(host, self.sd_id, self.ids, self.leases, align, sector)

    def check_guards(self):
        for path, offset in self._guards:
            with open(path, "rb") as f:
                f.seek(offset)
                assert f.read(len(GUARD)) == GUARD, (path, offset)

    def request(self, host, **options):
        """The tool's request for the lease, on a host."""
        request = {
            "sd_id": self.sd_id,
            "ids": self.ids,
            "leases": self.leases,
            "offset": self.align,
            "align": self.align,
            "sector": self.sector,
            "host_id": 250,
            "timeout": 60,
            "run_dir": host.run_dir,
            "require_alone": True,
        }
        return LeaseRequest(**{**request, **options})


def clean_stale(path):
    """End the daemon whose run directory this is, and what was frozen."""
    if os.path.basename(path).startswith("sanlock-"):
        _kill_frozen(path)
        _kill(path)


def _kill_frozen(path):
    with contextlib.suppress(FileNotFoundError):
        with open(os.path.join(path, "frozen")) as f:
            for pid, started in map(str.split, f):
                proc.kill_recorded(pid, started)


def _kill(path):
    """
    The daemon's helper, then the daemon. In this order the daemon nearly
    always takes note of the end of its child, which is no zombie then.
    """
    pids = _using(path)
    helpers = [pid for pid in pids if proc.parent(pid) in pids]
    for pid in helpers:
        _end(pid)
    with contextlib.suppress(AssertionError):
        wait_until(lambda: not any(proc.state(pid) for pid in helpers), 1)
    for pid in set(pids) - set(helpers):
        _end(pid)


def _end(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    end = f"the end of sanlock's process {pid}"
    wait_until(lambda: proc.state(pid) in ("", "Z"), what=end)


def _using(path):
    """Processes of the sanlock command with this run directory."""
    wanted = f"SANLOCK_RUN_DIR={path}".encode()
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{name}/exe") == os.path.realpath(SANLOCK):
                with open(f"/proc/{name}/environ", "rb") as f:
                    if wanted in f.read().split(b"\0"):
                        found.append(int(name))
    return found
