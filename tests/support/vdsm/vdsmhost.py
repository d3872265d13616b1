# SPDX-License-Identifier: GPL-2.0-or-later
"""
A host: a real VDSM in a child process (vdsmd.py), and its real client.

Several hosts may share storage: file domains on a loop device that each of
them mounts, guarded by the leases of real sanlock daemons. Local domains need
neither root nor sanlock.
"""

import json
import os
import subprocess
import uuid

from tests.support import programs
from tests.support.closing import Closing
from tests.support.configfile import ConfigFile
from tests.support.lease import sanlockd
from tests.support.waiting import wait_until
from vdsm_backup.host import mounts

LOCALFS, POSIXFS = 4, 6
BLANK = "00000000-0000-0000-0000-000000000000"


class Failed(Exception):
    """VDSM's answer was an error."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class Host(Closing):
    """
    plugin: is it installed; sanlock: a sanlockd.Host; strict: does VDSM
    check all types of its API; host_id: in pools; luns: WWIDs of all that
    it sees by multipath; own_config: the configuration is the host's own, and
    cannot be used when VDSM starts; listen: address of VDSM, of which "::" is
    its own default.
    """

    def __init__(
        self,
        directory,
        plugin=True,
        sanlock=None,
        strict=False,
        host_id=1,
        luns=(),
        own_config=False,
        listen="127.0.0.1",
    ):
        self.root = directory
        self.host_id = host_id
        self.history = os.path.join(directory, "history")
        os.makedirs(directory, exist_ok=True)
        self._file = ConfigFile(
            os.path.join(directory, "vdsm-backup.conf"),
            dir=self.history,
            settle=0,
        )
        self.config = self._file.path
        self.configure = self._file.set
        self.drop_ins = self._file.drop_ins
        request = {
            "root": directory,
            "plugin": plugin,
            "strict": strict,
            "io_timeout": sanlockd.IO_TIMEOUT,
            "config": self.config,
            "luns": luns,
            "own_config": own_config,
            "listen": listen,
        }
        if own_config:
            self.break_config()
        self._log = open(os.path.join(directory, "vdsm.log"), "w")
        self._child = programs.start(
            "tests.support.vdsm.vdsmd",
            json.dumps(request),
            env=sanlock.env if sanlock else {},
            stderr=self._log,
        )
        try:
            self.port = self._answer()["port"]
            self._client = self._connect()
        except BaseException:
            self.stop()
            raise

    def close(self):
        self.stop()

    def stop(self):
        """The process is gone, with all that it has in memory."""
        self._child.kill()
        self._child.wait()
        self._child.stdin.close()
        self._child.stdout.close()
        self._log.close()

    def log(self):
        with open(self._log.name) as f:
            return f.read()

    def call(self, verb, **params):
        """A verb, as any client sends it. Raises Failed."""
        from vdsm import client

        namespace, _, name = verb.partition(".")
        try:
            return getattr(getattr(self._client, namespace), name)(
                _timeout=120, **params
            )
        except client.ServerError as e:
            raise Failed(e.code, e.resp_msg) from None

    def do(self, function, *args):
        """
        Call a function of a module inside VDSM's process; what it returns, in
        the types of JSON.
        """
        name = function.__name__
        return self._ask(module=function.__module__, name=name, args=args)

    def run(self, code, *args):
        """A line of code inside VDSM's process; what it says, in a list."""
        return self._ask(code=code, args=args)

    def _ask(self, **request):
        json.dump(request, self._child.stdin)
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        answer = self._answer()
        assert "said" in answer, answer
        return answer["said"]

    # Storage, by the verbs that the engine uses

    def connect(self, kind, connection):
        answers = self.call(
            "StoragePool.connectStorageServer",
            storagepoolID=BLANK,
            domainType=kind,
            connectionParams=[{"id": str(uuid.uuid4()), **connection}],
        )
        assert [a["status"] for a in answers] == [0], self.log()

    def create_domain(self, kind, where, version, name="data", sd_id=None):
        sd_id = sd_id or str(uuid.uuid4())
        self.call(
            "StorageDomain.create",
            storagedomainID=sd_id,
            domainType=kind,
            typeArgs=where,
            name=name,
            domainClass=1,
            version=version,
        )
        return sd_id

    def local_domain(self, version=5, name="data"):
        """(UUID, path of its metadata) of a new local domain."""
        path = os.path.join(self.root, f"local-{uuid.uuid4()}")
        os.mkdir(path, 0o777)
        self.connect(LOCALFS, {"connection": path})
        sd_id = self.create_domain(LOCALFS, path, version, name)
        return sd_id, os.path.join(path, sd_id, "dom_md", "metadata")

    def pool(self, master, *others, spm=True):
        """A new pool of these domains; this host is in it."""
        sp_id = str(uuid.uuid4())
        self.call(
            "StoragePool.create",
            storagepoolID=sp_id,
            name="pool",
            masterSdUUID=master,
            masterVersion=1,
            domainList=[master, *others],
            lockRenewalIntervalSec=5,
            leaseTimeSec=60,
            ioOpTimeoutSec=10,
            leaseRetries=3,
        )
        self.join(sp_id, master, *others)
        if spm:
            self.become_spm(sp_id)
        return sp_id

    def join(self, sp_id, master, *others, version=1):
        self.call(
            "StoragePool.connect",
            storagepoolID=sp_id,
            hostID=self.host_id,
            scsiKey=sp_id,
            masterSdUUID=master,
            masterVersion=version,
            domainDict={sd_id: "active" for sd_id in [master, *others]},
        )

    def leave(self, sp_id):
        self.call(
            "StoragePool.disconnect",
            storagepoolID=sp_id,
            hostID=self.host_id,
            scsiKey=sp_id,
        )

    def become_spm(self, sp_id, version=None):
        self.wait(
            self.call(
                "StoragePool.spmStart",
                storagepoolID=sp_id,
                prevID=-1,
                prevLver=-1,
                enableScsiFencing=False,
                maxHostID=250,
                domVersion=version,
            )
        )

    def stop_spm(self, sp_id):
        self.call("StoragePool.spmStop", storagepoolID=sp_id)

    def wait(self, task, timeout=120):
        """Until an SPM task has ended well."""

        def status():
            return self.call("Task.getStatus", taskID=task)

        wait_until(
            lambda: status()["taskState"] == "finished",
            *(timeout, status),
            pause=0.1,
        )
        ended = status()
        self.call("Task.clear", taskID=task)
        if ended["taskResult"] != "success":
            raise Failed(ended["code"], ended["message"])

    def run_job(self, verb, **params):
        """A verb that starts a job of this host; until it has ended well."""
        job = str(uuid.uuid4())
        self.call(verb, job_id=job, **params)
        self.wait_for_job(job)

    def wait_for_job(self, job, timeout=120):

        def job_now():
            return self.call("Host.getJobs", job_ids=[job])[job]

        wait_until(
            lambda: job_now()["status"] not in ("pending", "running"),
            *(timeout, job_now),
            pause=0.1,
        )
        found = job_now()
        if found["status"] != "done":
            raise Failed(found["error"]["code"], found["error"]["message"])

    def deactivate(self, sp_id, sd_id, master=BLANK, version=0):
        """To maintenance; the master to another `master`."""
        self.call(
            "StorageDomain.deactivate",
            storagedomainID=sd_id,
            storagepoolID=sp_id,
            masterSdUUID=master,
            masterVersion=version,
        )

    def detach(self, sp_id, sd_id, force=False):
        self.call(
            "StorageDomain.detach",
            storagedomainID=sd_id,
            storagepoolID=sp_id,
            masterSdUUID=BLANK,
            masterVersion=0,
            force=force,
        )

    def attach(self, sp_id, sd_id):
        pool = {"storagepoolID": sp_id, "storagedomainID": sd_id}
        self.call("StorageDomain.attach", **pool)
        self.call("StorageDomain.activate", **pool)

    # The flag

    def set_backup(self, sd_id, backup=True, reason="why", **more):
        return self.call(
            "StorageDomain.setBackup",
            storagedomainID=sd_id,
            backup=backup,
            reason=reason,
            **more,
        )

    def get_backup(self, sd_id):
        return self.call("StorageDomain.getBackup", storagedomainID=sd_id)

    def info(self, sd_id):
        return self.call("StorageDomain.getInfo", storagedomainID=sd_id)

    def describe(self, sd_id, text):
        self.call(
            "StorageDomain.setDescription",
            storagedomainID=sd_id,
            description=text,
        )

    # Our configuration

    def break_config(self):
        """It cannot be listed, also by root."""
        with open(self.drop_ins, "w"):
            pass

    def mend_config(self):
        os.unlink(self.drop_ins)

    def call_at(self, address):
        """From now on verbs are sent to this address of VDSM's."""
        self._client.close()
        self._client = self._connect(address)

    def _connect(self, address="127.0.0.1"):
        from vdsm import client

        return client.connect(address, self.port, use_tls=False)

    def _answer(self):
        line = self._child.stdout.readline()
        assert line, self.log()
        return json.loads(line)


def clean_stale(path):
    """
    Unmount what hosts below a directory have mounted. They have ended, or
    end now: their input is closed; lazily, since their ioprocess may not yet.
    """
    for mount in reversed(mounts.table()):
        if mount.point.startswith(path + "/"):
            subprocess.run(["umount", "--lazy", mount.point], check=True)
