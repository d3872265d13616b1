# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands in a VM, through the agent that runs there (guest/agent.py)."""

import json
import signal
import socket
import threading
import time
from dataclasses import dataclass

#: Seconds. Nothing is judged by it: emulated machines beside others' work.
TIMEOUT = 1800

# Of a command or its output, in what a failed test shows.
_SHOWN = 3000


class Gone(Exception):
    """The VM has ended, or does not answer."""


@dataclass(frozen=True)
class Done:
    rc: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


class Job:
    """A command that runs."""

    def __init__(self, channel, number, shown):
        self._channel = channel
        self._number = number
        self._shown = shown
        self._changed = threading.Condition()
        self._out, self._err, self._rc = "", "", None
        self._gone = ""

    def wait(self, timeout=TIMEOUT):
        """Done; raises Gone."""
        self._wait(lambda: self._rc is not None, timeout)
        return self._done()

    def expect(self, text, timeout=TIMEOUT):
        """Its output, when the text is in it; raises Gone, AssertionError."""
        self._wait(lambda: text in self._out or self._rc is not None, timeout)
        assert text in self._out, self._done()
        return self._out

    def kill(self, number=signal.SIGKILL):
        """It and all of its session that is in its process group."""
        self._channel.send({"id": self._number, "signal": int(number)})

    def running(self):
        return self._rc is None and not self._gone

    def tell(self, message):
        with self._changed:
            self._out += message.get("out", "")
            self._err += message.get("err", "")
            self._rc = message.get("rc", self._rc)
            self._gone = message.get("gone", self._gone)
            self._changed.notify_all()

    def _done(self):
        done = Done(self._rc, self._out, self._err)
        self._channel.say(
            f"{self._shown} -> {done.rc}\n{_cut(done.out)}{_cut(done.err)}"
        )
        return done

    def _wait(self, condition, timeout):
        with self._changed:
            self._changed.wait_for(lambda: condition() or self._gone, timeout)
            if condition():
                return
        reason = self._gone or f"not within {timeout} seconds"
        raise Gone(f"{self._shown}: {reason}\n{self._out}{self._err}")


class Channel:
    """
    path: of the socket. say: told about each command, for people.
    """

    def __init__(self, path, say):
        self._path = path
        self.say = say
        self._socket = socket.socket(socket.AF_UNIX)
        self._lock = threading.Lock()
        self._jobs = {}
        self._ready = threading.Event()

    def connect(self, alive):
        """alive: raises if there is nobody to wait for any more."""
        while True:
            try:
                self._socket.connect(self._path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                alive()
                time.sleep(0.05)
        threading.Thread(target=self._listen, daemon=True).start()

    def wait_ready(self, alive, timeout=TIMEOUT):
        deadline = time.monotonic() + timeout
        while not self._ready.wait(0.5):
            alive()
            if time.monotonic() > deadline:
                raise Gone("the agent did not start")

    def start(self, argv, user=None, input=""):
        shown = f"{user or 'root'}: {_cut(' '.join(argv))}"
        with self._lock:
            number = len(self._jobs)
            job = self._jobs[number] = Job(self, number, shown)
        self.send({"id": number, "argv": argv, "user": user, "input": input})
        return job

    def send(self, message):
        data = json.dumps(message).encode() + b"\n"
        try:
            with self._lock:
                self._socket.sendall(data)
        except OSError as e:
            raise Gone(str(e))

    def close(self):
        self._socket.close()

    def _listen(self):
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    message = json.loads(line)
                    if "ready" in message:
                        self._ready.set()
                    else:
                        self._jobs[message["id"]].tell(message)
        except (OSError, ValueError):
            pass  # As its end, below.
        for job in list(self._jobs.values()):
            job.tell({"gone": "the VM has ended"})


def _cut(text):
    if len(text) <= _SHOWN:
        return text
    return f"{text[:_SHOWN]} ... ({len(text)} characters)\n"
