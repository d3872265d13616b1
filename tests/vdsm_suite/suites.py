# SPDX-License-Identifier: GPL-2.0-or-later
"""
One run of VDSM's test suites.

Each suite is run as VDSM's tox.ini does, without what needs hours or a real
network. A test that ends its process does not end the run: the others are run
in the next process.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

from tests import ROOT
from tests.vdsm_suite import recorder, with_plugin

# Below VDSM's tests. network/functional and network/integration change the
# network of the machine.
SUITES = (
    "common",
    "devices",
    "gluster",
    "hooks",
    "lib",
    "network/unit",
    "storage",
    "virt",
)

# As in VDSM's tox.ini.
CHOSEN = "not (integration or slow or stress)"
# More of VDSM's tests that change the machine can be run by root.
NOT_ROOT = f"{CHOSEN[:-1]} or root)"

# What tests import that is not below lib: tests/run_tests_local.sh of VDSM.
IMPORTED = (
    "lib",
    "lib/vdsm/hook",
    "static/usr/share/vdsm",
    "vdsm_hooks",
    "vdsm_api",
)

_RECORDER = recorder.__name__
PLUGIN = with_plugin.__name__


class Run:
    """
    checkout: of VDSM, configured (its autogen.sh). plugins: more pytest
    plugins, by module. root: also the tests that VDSM marks so.
    """

    def __init__(self, checkout, plugins=(), root=False):
        self._checkout = checkout
        self._tests = os.path.join(checkout, "tests")
        self._plugins = plugins
        self._marked = CHOSEN if root else NOT_ROOT
        # Not in /tmp, which may be a tmpfs without direct I/O. Short: the
        # tests have sockets there.
        self._directory = tempfile.mkdtemp(prefix="vdsm-", dir="/var/tmp")
        self._env = {**os.environ, **self._environ(checkout)}

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        shutil.rmtree(self._directory, ignore_errors=True)

    def _environ(self, checkout):
        paths = [os.path.join(checkout, path) for path in IMPORTED]
        given = os.environ.get("PYTHONPATH", "").split(":")
        config = self._in_directory("vdsm-backup.conf")
        with open(config, "w") as f:
            f.write("[guard]\nmode = enforcing\n")
        return {
            "PYTHONPATH": ":".join([ROOT, *paths, *filter(None, given)]),
            # As in VDSM's tox.ini: tests depend on the order of sets.
            "PYTHONHASHSEED": "0",
            "LC_ALL": "C.UTF-8",
            with_plugin.CONFIG: config,
        }

    def _in_directory(self, name):
        return os.path.join(self._directory, name)

    def paths(self):
        """Lists of paths below VDSM's tests; each is a process."""
        names = sorted(os.listdir(self._tests))
        yield [name for name in names if name.endswith("_test.py")]
        for suite in SUITES:
            if os.path.isdir(os.path.join(self._tests, suite)):
                yield [suite]

    def results_of(self, tests):
        """As results(), of some tests only."""
        only = self._in_directory("only")
        with open(only, "w") as f:
            json.dump(tests, f)
        files = sorted({test.partition("::")[0] for test in tests})
        files = [os.path.join(self._checkout, file) for file in files]
        return self.results(files, only)

    def results(self, paths, only=""):
        """
        {test: (outcome, why)} of all tests in some paths. only: a file that
        names some.
        """
        record = self._in_directory("record")
        if os.path.exists(record):
            os.unlink(record)
        env = {recorder.RECORD: record, recorder.ONLY: only}
        before = 0
        while True:
            code = self._pytest(paths, env)
            found, ended = recorder.read(record)
            if ended:
                return found
            if len(found) == before:
                why = f"exit code {code}: {self._last_line()}"
                return {**found, " ".join(paths): ("not started", why)}
            before = len(found)

    def _last_line(self):
        with open(self._in_directory("output"), errors="replace") as f:
            return (f.read().strip().splitlines() or [""])[-1]

    def _pytest(self, paths, env):
        command = [
            *(sys.executable, "-m", "pytest", "-q", "--tb=short"),
            *("-p", "no:cacheprovider", "-p", _RECORDER),
            *(arg for name in self._plugins for arg in ("-p", name)),
            # VDSM's own would end the process if a test takes too long.
            *("-o", "addopts=", "-o", "timeout_method=signal"),
            *("-o", "timeout=300", "--continue-on-collection-errors"),
            *("--basetemp", self._in_directory("t"), "-m", self._marked),
            *paths,
        ]
        with open(self._in_directory("output"), "ab") as output:
            # A process group of its own: VDSM's panic() kills its group.
            return subprocess.run(
                command,
                cwd=self._tests,
                env={**self._env, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            ).returncode
