# SPDX-License-Identifier: GPL-2.0-or-later
"""
set and clear of domains that are attached, by the command line in a process
of its own, over VDSM's JSON-RPC.
"""

import os

import pytest

from tests.support import outside, testhost
from tests.support.storage.memory import MemoryStorage
from tests.support.vdsm import vdsmhost
from tests.vdsm.inside import faults, storage, vms
from vdsm_backup.change import history
from vdsm_backup.host import caller
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines


class Cli(testhost.Host):
    """The command line on a vdsmhost.Host."""

    def __init__(self, host, directory):
        super().__init__(
            *(os.path.join(directory, "cli"), 30),
            repo_root=f"{host.root}/dc",
            ioprocess="auto",
            port=host.port,
            tls="no",
        )

    def run(self, *args):
        """(exit code, what is in JSON)"""
        done = self.process("--json", *args)
        return done.code, done.json


@pytest.fixture
def cli(host, tmp_path):
    with Cli(host, str(tmp_path)) as cli:
        yield cli


def refused(answer, *words):
    code, result = answer
    assert code == 4
    assert result["error"]["code"] == 972, result
    for word in words:
        assert word in result["error"]["message"]


@pytest.mark.parametrize("version", [4, 5])
def test_set_and_clear(host, cli, version):
    sd_id, metafile = host.local_domain(version)
    host.pool(sd_id)
    args = [sd_id, "--reason", "copies of site A & B, é"]
    code, result = cli.run("set", "--dry-run", *args)
    assert (code, result["changed"]) == (0, True)
    assert not outside.read_flag(metafile).value

    code, result = cli.run("set", *args)
    assert (code, result["changed"]) == (0, True)
    assert result["domain"]["flag"] is True
    assert result["domain"]["by"] == flag.changed_by(*caller.user_and_host())
    # A local domain has no other host.
    assert not any("other hosts" in note for note in result["notes"])
    assert outside.read_flag(metafile).reason == args[-1]
    assert host.get_backup(sd_id)["backup"] is True

    code, result = cli.run("set", *args)
    assert (code, result["changed"]) == (0, False)
    code, result = cli.run("clear", sd_id, "--reason", "tape")
    assert (code, result["domain"]["flag"]) == (0, False)
    assert outside.read_flag(metafile).value is False


WHY = ["--reason", "why it is"]
BY = ["--by", "eve@engine"]


def test_who_is_named(host, cli):
    sd_id, metafile = host.local_domain()
    host.pool(sd_id)
    code, result = cli.run("set", sd_id, *WHY, *BY)
    assert (code, result["changed"]) == (0, True)
    assert result["domain"]["by"] == "eve@engine"
    stored = outside.read_flag(metafile)
    assert (stored.by, stored.reason) == ("eve@engine", "why it is")


def test_who_is_named_to_an_older_plugin(host, cli):
    """Who was named is told in the reason, and VDSM says who has asked."""
    sd_id, metafile = host.local_domain()
    host.pool(sd_id)
    host.do(storage.take_no_by)
    code, result = cli.run("set", sd_id, *WHY, *BY)
    assert (code, result["changed"]) == (0, True)
    stored = outside.read_flag(metafile)
    assert stored.by == "api@127.0.0.1"
    assert stored.reason == "why it is (by eve@engine)"
    code, result = cli.run("clear", sd_id, *WHY)
    assert (code, outside.read_flag(metafile).reason) == (0, "why it is")


def test_changed_by_somebody_else_at_the_same_time(host, cli):
    """The verb's code is 982; the command says what is on storage."""
    sd_id, _ = host.local_domain()
    host.pool(sd_id)
    theirs = {"BACKUP": "False", "DESCRIPTION": "renamed"}
    host.do(faults.write_instead, theirs)
    code, result = cli.run("set", sd_id, "--reason", "x")
    assert (code, result["error"]["code"]) == (1, 9610), result
    assert "it is not a backup domain" in result["error"]["message"]


def test_not_the_spm(host, cli):
    sd_id, _ = host.local_domain()
    host.pool(sd_id, spm=False)
    refused(cli.run("set", sd_id, "--reason", "x"), "not the SPM")


def test_vdsm_does_not_run(host, cli):
    sd_id, _ = host.local_domain()
    host.pool(sd_id)
    cli.configure(port=1)
    refused(cli.run("set", sd_id, "--reason", "x"), "cannot be reached")


def test_no_plugin(tmp_path):
    with vdsmhost.Host(str(tmp_path / "host"), plugin=False) as host:
        sd_id, metafile = host.local_domain()
        host.pool(sd_id)
        with Cli(host, str(tmp_path)) as cli:
            refused(cli.run("set", sd_id, "--reason", "x"), "no plugin")
        assert not outside.read_flag(metafile).value


def test_vdsms_refusal_is_our_own(host, cli):
    """It sees a VM that we do not: its own list is the source."""
    sd_id, metafile = host.local_domain()
    host.pool(sd_id)
    drive = {"domainID": sd_id, "device": "disk", "name": "vda"}
    host.do(vms.run_vm, {"name": "web1", "drives": [drive]})
    try:
        code, result = cli.run("set", sd_id, "--reason", "x")
    finally:
        host.run("cif.vmContainer.clear()")
    assert code == 4
    assert result["error"]["code"] == 975
    assert "VM web1" in result["error"]["message"]
    assert not outside.read_flag(metafile).value


@pytest.mark.parametrize("version", [4, 5])
def test_restore_after_vdsm_wrote_two_lines(start, tmp_path, version):
    """VDSM without the plugin, while the metadata was missing for a moment."""
    host = start(plugin=False)
    cli = Cli(host, str(tmp_path))
    sd_id, metafile = host.local_domain(version)
    before = MemoryStorage(sd_id, md_lines.flush(outside.values(metafile)))
    kept = history.History(cli.history)
    kept.keep(before, before.lines, "admin@host1", "set")
    host.pool(sd_id)
    outside.put_flag(metafile)
    os.rename(metafile, metafile + ".away")
    host.do(storage.describe_stale, sd_id, "renamed")
    assert outside.values(metafile) == {"DESCRIPTION": "renamed"}

    for _ in range(2):
        code, result = cli.run("restore", sd_id)
        assert (code, result["error"]["code"]) == (4, 993)
        assert outside.values(metafile) == {"DESCRIPTION": "renamed"}
        code, result = cli.run("check", sd_id, "--operation", "run")
        assert (code, result["allowed"]) == (4, False)
        # Without VDSM nothing else is in the way.
        host.stop()

    code, result = cli.run("restore", sd_id, "--from", "1")
    assert (code, result["domain"]["flag"]) == (0, False)
    removed = result["difference"]["removed"]
    assert removed == md_lines.flush({"DESCRIPTION": "renamed"})
    # VDSM attached it after the copy was kept, and nothing is left of that.
    assert any("only the engine can tell" in x for x in result["notes"])
