# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs commands in a VM of the box. One JSON object a line:

    -> {"id": N, "argv": [...], "user": name or null, "input": text}
    -> {"id": N, "signal": number}
    <- {"id": N, "out": text} | {"id": N, "err": text}    as it comes
    <- {"id": N, "rc": number}                            at its end
"""

import codecs
import json
import os
import pwd
import subprocess
import sys
import threading


class Agent:
    def __init__(self, port):
        self._lock = threading.Lock()
        self._jobs = {}
        self._fd = os.open(port, os.O_RDWR)
        self._lines = os.fdopen(self._fd, "rb")

    def serve(self):
        self._say(ready=True)
        while True:
            line = self._lines.readline()
            if not line:
                return
            request = json.loads(line)
            if "signal" in request:
                self._signal(request)
            else:
                threading.Thread(target=self._run, args=(request,)).start()

    def _say(self, **message):
        data = json.dumps(message).encode() + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._fd, data) :]

    def _signal(self, request):
        job = self._jobs.get(request["id"])
        if job and job.poll() is None:
            # It leads a session of its own.
            os.killpg(job.pid, request["signal"])

    def _run(self, request):
        number = request["id"]
        try:
            job = self._start(request)
        except OSError as e:
            self._say(id=number, err=str(e))
            self._say(id=number, rc=127)
            return
        self._jobs[number] = job
        readers = [
            threading.Thread(target=self._pass_on, args=(number, *stream))
            for stream in (("out", job.stdout), ("err", job.stderr))
        ]
        for reader in readers:
            reader.start()
        try:
            job.stdin.write(request.get("input", "").encode())
            job.stdin.close()
        except BrokenPipeError:
            pass
        rc = job.wait()
        # Its children may go on, and keep its output open.
        for reader in readers:
            reader.join(60)
        self._say(id=number, rc=rc)
        del self._jobs[number]

    def _start(self, request):
        options = {}
        env = dict(os.environ, PYTHONUNBUFFERED="1")
        if request.get("user"):
            user = pwd.getpwnam(request["user"])
            options["user"] = user.pw_uid
            options["group"] = user.pw_gid
            groups = os.getgrouplist(user.pw_name, user.pw_gid)
            options["extra_groups"] = groups
            env["HOME"] = "/tmp"
        return subprocess.Popen(
            request["argv"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env=env,
            start_new_session=True,
            **options,
        )

    def _pass_on(self, number, name, stream):
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        while True:
            data = os.read(stream.fileno(), 65536)
            if not data:
                return
            self._say(**{"id": number, name: decode(data)})


if __name__ == "__main__":
    Agent(sys.argv[1]).serve()
