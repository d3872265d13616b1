# SPDX-License-Identifier: GPL-2.0-or-later
"""The bridge as a process, at the stand-in of an engine."""

import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support import rundir  # noqa: E402
from tests.support.bridge.engine_things import (  # noqa: E402
    DataCenter,
    StorageDomain,
)
from tests.support.bridge.process import BridgeProcess  # noqa: E402
from tests.support.hooks.needs import needs_other_user  # noqa: E402
from tests.support.waiting import SOON, wait_until  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]


class Process(BridgeProcess):
    """With a domain that is in maintenance."""

    def __init__(self, stand_in, directory):
        super().__init__(stand_in, directory)
        center = DataCenter("Default")
        self.domain = StorageDomain("backups", center, status="maintenance")
        self.domain.backup = True
        stand_in.data_centers.append(center)
        stand_in.domains.append(self.domain)

    def start(self):
        return super().start(stderr=subprocess.PIPE)


@pytest.fixture
def bridge(stand_in, tmp_path):
    return Process(stand_in, tmp_path)


def test_once(bridge):
    done = bridge.run("--once", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["domains"]
    assert (row["name"], row["box"], row["flag"], row["why"]) == (
        *("backups", True, "unknown"),
        "domain is maintenance",
    )
    assert (bridge.state / "state.json").exists()
    assert bridge.engine.tokens == {}, "it has logged out"


def test_once_for_people(bridge):
    done = bridge.run("--once", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split()[:4] == ["NAME", "DATA", "CENTER", "BOX"]
    assert lines[1].split()[:4] == ["backups", "Default", "on", "unknown"]


def test_dry_run_changes_nothing(bridge):
    bridge.domain.backup = True
    bridge.domain.type = "iso"
    done = bridge.run("--once", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    assert list(bridge.state.iterdir()) == []
    calls = [p for p in bridge.engine.paths("POST") if "/api/" in p]
    assert calls + bridge.engine.paths("PUT") == []


def test_dry_run_beside_the_service_and_with_a_broken_state(bridge):
    with bridge.start() as process:
        wait_until((bridge.state / "status.json").exists)
        assert bridge.run("--once", "--dry-run").returncode == 0
        done = bridge.run("--once")
        assert (done.returncode, "9681" in done.stderr) == (1, True)
        process.terminate()
    (bridge.state / "state.json").write_text("broken")
    assert bridge.run("--once", "--dry-run").returncode == 0
    assert (bridge.state / "state.json").read_text() == "broken"


def test_status(bridge):
    done = bridge.run("status")
    assert (done.returncode, "Error 9691" in done.stderr) == (1, True)
    with bridge.start() as process:
        wait_until((bridge.state / "status.json").exists)
        process.terminate()
        process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    done = bridge.run("status")
    assert (done.returncode, done.stderr) == (0, "")
    assert "domain is maintenance" in done.stdout
    found = json.loads(bridge.run("status", "--json").stdout)
    assert set(found) == {"schema", "time", "engine", "domains", "hosts"}
    found["time"] = "2026-01-01T00:00:00Z"
    (bridge.state / "status.json").write_text(json.dumps(found))
    done = bridge.run("status")
    assert (done.returncode, "No bridge runs" in done.stderr) == (3, True)


def test_error_as_json(bridge):
    bridge.config.write_text("[engine]\nurl = x\n")
    done = bridge.run("--json", "--once")
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["name"]) == (9690, "BridgeConfig")
    assert done.stderr == ""


@pytest.mark.parametrize(
    "args", [["--dry-run"], ["what"], ["status", "--once"], ["--onc"]]
)
def test_wrong_usage(bridge, args):
    done = bridge.run(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: vdsm-backup-domain-bridge" in done.stderr


@pytest.mark.parametrize("where", ["/events", "/oauth/token", "/hosts", None])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_a_request_that_hangs(bridge, where, number):
    """Long before the timeout of the request, which is 30 s."""
    engine = bridge.engine
    with bridge.start() as process:
        if where is None:
            # Between two rounds: it sleeps.
            wait_until((bridge.state / "status.json").exists)
        else:
            engine.faults = {where: "hang"}
            wait_until(lambda: any(where in p for _, p, _ in engine.requests))
            # Until it waits for the answer, and for nothing else.
            wait_until(
                lambda: any(where in p for _, p, _ in engine.requests[-1:])
            )
        process.send_signal(number)
        _, err = process.communicate(timeout=SOON)
    assert process.returncode == 128 + number
    assert "Traceback" not in err


def test_what_it_leaves_is_its_own(bridge):
    done = bridge.run("--once")
    assert done.returncode == 0
    for path in bridge.state.iterdir():
        assert os.stat(path).st_mode & 0o077 == 0, path


@pytest.fixture
def of_others(bridge, tmp_path):
    """The same, of a service whose user is another one than root."""
    directory = pathlib.Path(rundir.make("bridge"))
    for found in (*tmp_path.iterdir(), pathlib.Path(bridge.engine.ca_file)):
        copy = shutil.copytree if found.is_dir() else shutil.copyfile
        copy(found, directory / found.name)
    text = bridge.config.read_text()
    for old in (str(tmp_path), os.path.dirname(bridge.engine.ca_file)):
        text = text.replace(old, str(directory))
    bridge.config = directory / "bridge.conf"
    bridge.config.write_text(text)
    bridge.state = directory / "state"
    credentials = directory / "credentials"
    bridge.env["CREDENTIALS_DIRECTORY"] = str(credentials)
    for path in (bridge.state, credentials, *credentials.iterdir()):
        os.chown(path, 36, 36)
    yield bridge
    rundir.remove(str(directory))


@needs_other_user
def test_the_service_goes_on_after_a_look_by_root(of_others):
    """What root's --once has written is the service's to use."""
    done = of_others.run("--once")
    assert (done.returncode, "seen for the first time" in done.stderr) == (
        *(0, True),
    ), done.stderr
    service = {"user": 36, "group": 36, "extra_groups": []}
    done = of_others.run("--once", **service)
    assert done.returncode == 0, done.stderr
    assert "first time" not in done.stderr
    done = of_others.run("--once")
    assert done.returncode == 0, done.stderr
    assert {os.stat(p).st_uid for p in of_others.state.iterdir()} == {36}
