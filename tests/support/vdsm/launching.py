# SPDX-License-Identifier: GPL-2.0-or-later
"""
The launcher in a directory of its own, beside a VDSM that only says that it
was started, how, and with what.
"""

import json
import os
import shutil
import subprocess
import sys

from tests import ROOT

LAUNCHER = os.path.join(ROOT, "contrib", "libexec", "vdsmd")

# What VDSM's own command is here: says who it is, and ends with 7.
OWN = """\
#!{python}
import json, os, sys
from vdsm import vdsmd
vdsmd.tell("own", sys.argv[1:])
sys.exit(7)
"""

VDSMD = """\
import json, os, sys
def tell(who, argv):
    with open({told!r}, "a") as f:
        json.dump([who, argv, os.environ.get("PYTHONPATH"), sys.path], f)
        f.write(chr(10))
def main():
    tell("launched", sys.argv[1:])
    sys.exit(5)
"""

SAY = """\
    import json
    print(json.dumps([priority, text]), file=open({!r}, "a"))
"""

CUSTOM = "import builtins; builtins.customized = True\n"


class Place:
    """
    directory: empty. packages: directories in which `vdsm_backup`, and more,
    are found; a `vdsm` with nothing but its main is made here. syslog: it
    talks to syslog, as on a host; else said() has what it says.
    """

    def __init__(self, directory, *packages, syslog=False):
        self.launcher_dir = os.path.join(directory, "ours")
        self.vdsm_dir = os.path.join(directory, "libexec")
        self.packages = [os.path.join(directory, "lib"), *packages]
        self._told = os.path.join(directory, "told")
        self._said = os.path.join(directory, "said")
        self._syslog = syslog
        for path in (self.launcher_dir, self.vdsm_dir):
            os.makedirs(path)
        self.launcher = os.path.join(self.launcher_dir, "vdsmd")
        self.write(self.launcher, self._adapted(), 0o755)
        own = OWN.format(python=sys.executable)
        self.write(os.path.join(self.vdsm_dir, "vdsmd"), own, 0o755)
        self.custom(CUSTOM)
        self.package("vdsm/__init__.py", "")
        self.package("vdsm/vdsmd.py", VDSMD.format(told=self._told))

    def custom(self, text):
        self.write(os.path.join(self.vdsm_dir, "sitecustomize.py"), text)

    def package(self, name, text):
        path = os.path.join(self.packages[0], name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.write(path, text)

    def remove_package(self, name):
        shutil.rmtree(os.path.join(self.packages[0], name))

    def environ(self):
        """As daemonAdapter sets it."""
        path = [self.launcher_dir, *self.packages]
        return {**os.environ, "PYTHONPATH": ":".join(path)}

    def start(self, *args, inside=()):
        """
        (exit code, what VDSM told: [who, arguments, path, sys.path]).

        inside: a command that runs another one elsewhere.
        """
        done = subprocess.run(
            [*inside, self.launcher, *args],
            env=self.environ(),
            cwd=self.vdsm_dir,
        )
        return done.returncode, self.told()

    def told(self):
        if not os.path.exists(self._told):
            return None
        with open(self._told) as f:
            (line,) = f.read().splitlines()
        return json.loads(line)

    def said(self, priority=None):
        """What it said, of all or of one priority of syslog."""
        with open(self._said) as f:
            lines = [json.loads(line) for line in f]
        wanted = [t for p, t in lines if priority in (None, p)]
        return "".join(f"{text}\n" for text in wanted)

    def _adapted(self):
        """The launcher itself, but for where VDSM is and where it talks."""
        with open(LAUNCHER) as f:
            text = f.read()
        for old, new in (
            ("#!/usr/bin/python3", f"#!{sys.executable}"),
            ('VDSM = "/usr/libexec/vdsm"', f"VDSM = {self.vdsm_dir!r}"),
            ("    syslog.syslog(priority, text)\n", SAY.format(self._said)),
        ):
            assert text.count(old) == 1, old
            if not (self._syslog and "syslog" in old):
                text = text.replace(old, new)
        return text

    @staticmethod
    def write(path, text, mode=0o644):
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
