# SPDX-License-Identifier: GPL-2.0-or-later
"""
The program behind the key of a bridge: as a process, with a command line that
prints its arguments in place of ours.
"""

import io
import json
import os
import subprocess
import sys

import pytest

from tests import ROOT
from tests.support import programs
from tests.support.bridge import agent_process
from tests.support.configfile import ConfigFile
from tests.support.hooks import importone
from vdsm_backup import config
from vdsm_backup.bridge import agent
from vdsm_backup.host import journal

pytest_plugins = ["tests.support.journalentries"]

SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
OTHER = "11111111-9c47-4b0e-8d1f-3a7b9c0d2e41"
WANTED = {"reason": "Backup box ticked in the engine", "by": "anna@internal"}


class Host:
    def __init__(self, directory):
        self.config = directory / "vdsm-backup.conf"
        self.configure = ConfigFile(self.config).set

    def ask(self, command, data=WANTED, argv=("--name", "engine1"), **env):
        """(exit code, JSON of the answer)."""
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        done = programs.run(
            agent_process.__name__,
            self.config,
            *argv,
            env={
                "SSH_ORIGINAL_COMMAND": command,
                "SSH_CONNECTION": "192.0.2.7 50000 192.0.2.1 22",
                **env,
            },
            input=data,
            text=False,
        )
        assert done.stderr == b"", done.stderr.decode()
        return done.returncode, json.loads(done.stdout)


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def refused(answer, name, words=""):
    code, found = answer
    assert (code, found["error"]["name"]) == (4, name)
    assert words in found["error"]["message"]


def test_list_and_show(host):
    code, found = host.ask("list")
    assert (code, found["argv"]) == (0, ["--json", "list"])
    _, found = host.ask(f"show {SD}")
    assert found["argv"] == ["--json", "show", SD]


def test_set(host):
    _, found = host.ask(f"set {SD}")
    assert found["argv"] == [
        "--json",
        "set",
        SD,
        "--reason=Backup box ticked in the engine",
        "--by=anna@internal via bridge engine1",
    ]


def test_environment_is_not_the_bridges(host):
    _, found = host.ask("list", PYTHONPATH_OF_BRIDGE="/x", LD_PRELOAD_X="/x")
    assert found["environ"] == agent.ENVIRONMENT


def test_clear_only_where_the_host_allows_it(host):
    refused(host.ask(f"clear {SD}"), "BridgeNotAllowed", "[bridge] allow")
    host.configure(bridge_allow="show, list, set, clear")
    _, found = host.ask(f"clear {SD}")
    assert found["argv"][:3] == ["--json", "clear", SD]


def test_nothing_is_allowed(host):
    host.configure(bridge_allow="")
    for command in ("list", f"show {SD}", f"set {SD}", f"clear {SD}"):
        refused(host.ask(command), "BridgeNotAllowed")


def test_some_domains(host):
    host.configure(domains=f"{OTHER}, {SD}")
    assert host.ask(f"set {SD}")[0] == 0
    host.configure(domains=OTHER)
    refused(host.ask(f"set {SD}"), "BridgeNotAllowed", "[bridge] domains")
    refused(host.ask(f"show {SD}"), "BridgeNotAllowed", "[bridge] domains")
    assert host.ask("list")[0] == 0


@pytest.mark.parametrize(
    "section", ["allow = show, everything", "domains = backups-nfs", "x = 1"]
)
def test_configuration_that_makes_no_sense(host, section):
    host.config.write_text(f"[bridge]\n{section}\n")
    code, found = host.ask("list")
    assert (code, found["error"]["code"]) == (1, 987)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "list ",
        " list",
        "list\n",
        "List",
        f"list {SD}",
        "show",
        "show backups-nfs",
        f"show  {SD}",
        f"show {SD} {SD}",
        f"show {SD.upper()}",
        f"set {SD[:8]}",
        f"set {SD} --replace",
        f"set {SD}; id",
        f"set {SD}\nid",
        f"set --by=root {SD}",
        f"verify {SD}",
        f"restore {SD}",
        f"permit {SD}",
        "/bin/sh",
        "-c id",
        "l\u0131st",
    ],
)
def test_no_other_command(host, command):
    refused(host.ask(command), "BridgeRequest", "and a UUID")


def test_refusal_of_an_object(host):
    refused(host.ask(f"set {SD}", b"{}"), "BridgeRequest", "`reason` and `by`")


@pytest.fixture
def in_this_process(host, monkeypatch):
    """A function as host.ask(), which returns the exit code only."""
    load = config.load
    monkeypatch.setattr(config, "load", lambda: load(str(host.config)))
    monkeypatch.setattr(os, "execve", lambda *_: sys.exit(0))
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def ask(command, **environ):
        data = io.BytesIO(json.dumps(WANTED).encode())
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))
        environ["SSH_ORIGINAL_COMMAND"] = command
        with pytest.raises(SystemExit) as ended:
            agent.main(["--name", "engine1"], environ)
        return ended.value.code

    return ask


def test_journal_has_changes(entries, in_this_process):
    connection = "192.0.2.7 50000 192.0.2.1 22"
    assert in_this_process(f"set {SD}", SSH_CONNECTION=connection) == 0
    assert entries == [
        {
            "message": "bridge engine1: set",
            "priority": journal.NOTICE,
            "bridge": "engine1",
            "address": "192.0.2.7",
            "action": "set",
            "domain": SD,
            "reason": WANTED["reason"],
            "by": "anna@internal via bridge engine1",
            "result": None,
            "code": None,
        }
    ]


def test_journal_has_refusals(entries, in_this_process, capsys):
    assert in_this_process(f"clear {SD}", SSH_CONNECTION="2001:db8::7 1") == 4
    (entry,) = entries
    assert entry["priority"] == journal.WARNING
    assert (entry["address"], entry["bridge"]) == ("2001:db8::7", "engine1")
    assert (entry["action"], entry["domain"]) == ("clear", SD)
    assert (entry["result"], entry["code"]) == ("refused", 9686)
    entries.clear()
    assert in_this_process("id\x1b[0m", SSH_CONNECTION="\x1b[0m") == 4
    (entry,) = entries
    assert entry["message"].isprintable() and entry["address"].isprintable()
    assert entry["code"] == 9685


def test_journal_has_no_entry_of_what_changes_nothing(
    entries, in_this_process
):
    assert in_this_process("list") == 0
    assert in_this_process(f"show {SD}") == 0
    assert entries == []


@pytest.mark.parametrize(
    "argv",
    [(), ("--name",), ("--name", ""), ("--name", "a b"), ("--name", "a", "b")],
)
def test_name_of_the_bridge(host, argv):
    code, found = host.ask("list", argv=argv)
    assert (code, found["error"]["name"]) == (2, "WrongUsage")


def test_who_is_not_root_is_told_by_what_to_be(
    entries, in_this_process, monkeypatch, capsys
):
    monkeypatch.setattr(os, "geteuid", lambda: 36)
    assert in_this_process("list") == 1
    error = json.loads(capsys.readouterr().out)["error"]
    ours = "/usr/libexec/vdsm-backup/bridge-agent --name engine1"
    assert (error["code"], error["message"]) == (
        9608,
        f"This needs root: sudo {ours}",
    )
    assert [entry["code"] for entry in entries] == [9608]


def test_nothing_is_wanted(capsys, monkeypatch):
    """Somebody logs in by the key, or sudo has dropped it."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(SystemExit) as ended:
        agent.main(["--name", "engine1"], {})
    assert ended.value.code == 4
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["name"] == "BridgeRequest"
    assert "SSH_ORIGINAL_COMMAND is not set" in error["message"]


def test_what_is_installed_is_this():
    path = os.path.join(programs.ROOT, "contrib/libexec/bridge-agent")
    with open(path) as f:
        first = f.readline()
    assert first == "#!/usr/bin/python3 -IXutf8\n"
    done = subprocess.run(
        [sys.executable, path],
        env=programs.environ({"SSH_ORIGINAL_COMMAND": "list"}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["name"] == "WrongUsage"


def test_defaults_of_a_host(tmp_path):
    path = tmp_path / "vdsm-backup.conf"
    path.write_text("")
    options = config.load(str(path))
    assert options.bridge_allow == ["show", "list", "set"]
    assert options.bridge_domains == []


def test_what_a_bridge_asks_for_all_day_loads_nothing_slow():
    """`list` and `show` tell the journal nothing."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", importone.__file__, ROOT, agent.__name__],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert agent.__name__ in loaded
    assert not loaded & {"dataclasses", "inspect", "socket", "typing"}
