# SPDX-License-Identifier: GPL-2.0-or-later
"""
What VDSM itself makes of metadata that somebody has edited by hand, and
`reseal` beside a VDSM that runs.
"""

import os

import pytest

from tests.support import outside
from tests.support.vdsm.vdsmhost import Failed
from tests.vdsm.cli_test import Cli
from tests.vdsm.inside import storage
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines

WHY = ["--reason", "edited by hand"]
BROKEN_SEAL = 752


@pytest.fixture
def cli(host, tmp_path):
    with Cli(host, str(tmp_path)) as cli:
        yield cli


def edit(metafile, change):
    """As an editor does it. Returns the lines before."""
    with open(metafile, "rb") as f:
        lines = encoding.decode_file(f.read(), "-")
    with open(metafile, "wb") as f:
        f.write(encoding.encode_file(change(lines)))
    return lines


def data(metafile):
    with open(metafile, "rb") as f:
        return f.read()


def edited(lines):
    return [x if x[:11] != "DESCRIPTION" else f"{x}!" for x in lines]


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("blank", ["", "  ", "\t"])
def test_vdsm_ignores_a_blank_line(host, cli, version, blank):
    """So it is no damage to us: the flag can be set."""
    sd_id, metafile = host.local_domain(version)
    lines = edit(metafile, lambda lines: [*lines, blank])
    host.do(storage.describe_stale, sd_id, "data")
    assert host.info(sd_id)["name"] == "data"
    # It has changed nothing, so the line is still there.
    assert data(metafile).decode() == "\n".join([*lines, blank, ""])
    assert cli.run("verify", sd_id)[0] == 0
    code, result = cli.run("set", sd_id, "--reason", "x")
    assert (code, result["changed"]) == (0, True)
    assert outside.read_flag(metafile).value is True
    assert host.info(sd_id)["name"] == "data"


def active_pool(host):
    """(pool, domain that is not the master, its metadata)"""
    master, _ = host.local_domain()
    sd_id, metafile = host.local_domain()
    return host.pool(master, sd_id), sd_id, metafile


@pytest.mark.parametrize("change", [edited, lambda x: x[:-1]])
def test_active_and_in_maintenance(host, cli, change):
    pool, sd_id, metafile = active_pool(host)
    outside.put_flag(metafile)
    edit(metafile, change)
    before = data(metafile)
    for more in ([], ["--dry-run"]):
        code, result = cli.run("reseal", sd_id, *WHY, *more)
        assert (code, result["error"]["code"]) == (4, 974)
        assert "VDSM has it active" in result["error"]["message"]
    assert data(metafile) == before
    maintenance(host, pool, sd_id)

    code, result = cli.run("reseal", sd_id, *WHY)
    assert code == 0, result
    assert result["domain"]["pool"] == pool
    assert outside.read_flag(metafile) == outside.FLAG
    # VDSM takes it, keeps the flag, and the guard refuses it.
    assert host.do(storage.describe_stale, sd_id, "renamed") is None
    values = outside.values(metafile)
    assert (values["DESCRIPTION"], values["BACKUP"]) == ("renamed", "True")
    assert cli.run("check", sd_id, "--operation", "run")[0] == 4


def maintenance(host, pool, sd_id):
    """In the engine; also where VDSM cannot read the domain any more."""
    try:
        host.deactivate(pool, sd_id)
    except Failed as e:
        assert e.code == BROKEN_SEAL
        host.run("hsm.domainMonitor.stopMonitoring(args); say(1)", sd_id)


def test_vdsm_refuses_what_it_takes_afterwards(host, cli):
    sd_id, metafile = host.local_domain()
    edit(metafile, edited)
    assert host.do(storage.describe_stale, sd_id, "x") == BROKEN_SEAL
    assert cli.run("reseal", sd_id, *WHY)[0] == 0
    assert host.do(storage.describe_stale, sd_id, "x") is None
    assert md_lines.parse(edit(metafile, list)).seal == "valid"


def test_a_local_domain_of_a_vdsm_that_does_not_tell(host, cli):
    sd_id, metafile = host.local_domain()
    edit(metafile, lambda lines: lines[:-1])
    cli.configure(tls="yes")
    code, result = cli.run("reseal", sd_id, *WHY)
    assert (code, result["error"]["code"]) == (4, 974)
    assert "does not tell" in result["error"]["message"]
    assert os.path.exists(metafile)
    cli.configure(tls="no")
    host.stop()
    assert cli.run("reseal", sd_id, *WHY)[0] == 0
