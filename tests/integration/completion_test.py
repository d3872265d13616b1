# SPDX-License-Identifier: GPL-2.0-or-later
"""The completion of bash, by its function: all of the parser is in it."""

import os
import re
import shutil
import stat
import subprocess
import sys

import pytest

from tests.support import testhost
from tests.support.clifixtures import OWNER
from tests.support.completing import SCRIPT, complete, needs_bash
from tests.support.hooks.needs import needs_other_user
from vdsm_backup import config
from vdsm_backup.cli import commands, completion, parser
from vdsm_backup.guard import policy

COMMANDS = {command.name: command for command in commands.COMMANDS}

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
pytest_plugins = ["tests.support.clifixtures", "tests.support.completing"]
pytestmark = needs_bash


def test_shellcheck():
    command = shutil.which(
        "shellcheck",
        path=f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
    )
    if not command:
        pytest.skip("shellcheck is not here")
    done = subprocess.run([command, SCRIPT], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_all_commands(tmp_path, scan):
    assert complete(tmp_path, "vdsm-backup-domain ") == list(COMMANDS)
    assert complete(tmp_path, "vdsm-backup-domain help ") == list(COMMANDS)
    assert complete(tmp_path, "vdsm-backup-domain --json re") == [
        "restore",
        "reseal",
    ]


def options(its):
    return {name for a in its._actions for name in a.option_strings}


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_all_options_of_a_command(tmp_path, scan, name):
    """These and no others."""
    top, parsers = parser.build(80, commands.COMMANDS)
    line = f"vdsm-backup-domain {name} -" if name else "vdsm-backup-domain -"
    found = complete(tmp_path, line)
    assert set(found) == options(parsers[name] if name else top)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("name", COMMANDS)
def test_options_that_take_a_value(tmp_path, scan, name):
    """Behind one of them comes no option and no domain; else both may."""
    _, parsers = parser.build(80, commands.COMMANDS)
    for action in parsers[name]._actions:
        for option in action.option_strings:
            line = f"vdsm-backup-domain {name} {option} --j"
            found = complete(tmp_path, line)
            takes = action.nargs != 0
            assert ("--json" not in found) == takes, option


def test_values_of_options_with_choices(tmp_path, scan):
    """All that there are: --operation."""
    having = {
        (command.name, option.names[0]): list(option.settings["choices"])
        for command in commands.COMMANDS
        for option in command.options
        if "choices" in option.settings
    }
    operations = [row.operation for row in policy.TABLE]
    assert having == {("check", "--operation"): operations}
    line = "vdsm-backup-domain check --operation "
    assert complete(tmp_path, line) == operations
    assert complete(
        tmp_path,
        "vdsm-backup-domain check --operation=mi",
        *"vdsm-backup-domain check --operation = mi".split(),
    ) == ["migrate-in"]


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_that_take_domains(tmp_path, scan, name):
    scan({A: "data1"})
    sd = [o for o in COMMANDS[name].options if o.names == ("sd",)]
    line = f"vdsm-backup-domain {name} "
    found = {"data1", A} & set(complete(tmp_path, line))
    assert bool(found) == bool(sd)
    many = bool(sd) and sd[0].settings.get("nargs") == "*"
    line += "data1 "
    found = {"data1", A} & set(complete(tmp_path, line))
    assert bool(found) == many


def test_names_of_files(tmp_path, scan):
    for option, how in (
        ("--config", "default"),
        ("--path", "dirnames"),
        ("--device", "default"),
        ("--domxml", "default"),
    ):
        line = f"vdsm-backup-domain check {option} /"
        assert complete(tmp_path, line) == [f"compopt -o {how}"]


def test_it_runs_nothing():
    """Nor could it: no program, no subshell, no eval."""
    with open(SCRIPT) as f:
        code = re.sub(r"^\s*#.*$", "", f.read(), flags=re.M)
    assert not re.search(r"\beval\b|\$\((?!\()|<\(|[^\\]`|\bsource\b", code)


@needs_other_user
def test_it_reads_what_root_leaves():
    """Where a host's own configuration says nothing else."""
    with open(SCRIPT) as f:
        found = re.findall(r"^_vdsm_backup_domain_file=(.*)$", f.read(), re.M)
    run_dir = config.DEFAULTS["sanlock"]["run_dir"]
    assert found == [os.path.join(run_dir, completion.NAME)]


def test_what_root_lists_any_shell_completes(directory):
    """The directory is VDSM's, and the file can be read by all."""
    with testhost.Host(directory, user=36, group=36) as host:
        host.domain(sd_id=A, name="back ups", owner=OWNER)
        os.makedirs(host.run_dir)
        os.chown(host.run_dir, *OWNER)
        assert host.process("list").code == 0
        path = os.path.join(host.run_dir, completion.NAME)
        status = os.stat(path)
        assert stat.S_IMODE(status.st_mode) == 0o644
        assert (status.st_uid, status.st_gid) == OWNER
        line = "vdsm-backup-domain show b"
        assert complete(host.run_dir, line) == ["back\\ ups"]
