# SPDX-License-Identifier: GPL-2.0-or-later
"""What is broken (XML, the configuration, the guard itself) and refuses."""

import pytest

from tests.support.vdsm.gatekept import XML, refusal
from vdsm_backup import config
from vdsm_backup.plugin import gatekeeper

pytest_plugins = ["tests.support.journalentries"]


def test_xml_that_is_broken(gate):
    assert refusal(gate.require_allowed, "run", "VM x", xml="<x/>").code == 996
    gate.require_allowed("recover", "VM x", xml="<x/>")


@pytest.mark.parametrize(
    "operation, refused", [("run", True), ("recover", False)]
)
def test_broken_configuration(gate, path, entries, operation, refused):
    path.write_text("[guard]\nmode = maybe\n")
    if refused:
        raised = refusal(gate.require_allowed, operation, "VM x")
        assert raised.code == 987
        assert str(raised).startswith("Not because it is flagged: Config")
        # VDSM logs it with one trace.
        assert raised.__suppress_context__
    else:
        gate.require_allowed(operation, "VM x")
    (entry,) = entries
    assert entry["answer"] == ("refused" if refused else "allowed")
    assert entry["code"] == 987


def test_fault_of_ours(gate, path, entries, monkeypatch):
    monkeypatch.setattr(gatekeeper, "needs_of_drives", lambda drives: 1 / 0)
    assert refusal(gate.require_allowed, "run", "VM x").code == 999
    assert "ZeroDivisionError" in entries[0]["trace"]
    gate.require_allowed("recover", "VM x")
    path.write_text("[guard]\nmode = permissive\n")
    gate.require_allowed("run", "VM x")
    assert [e["answer"] for e in entries] == ["refused", "allowed", "allowed"]


def test_the_hosts_own_configuration_need_not_be_there(world, monkeypatch):
    monkeypatch.setattr(config, "PATH", "/nowhere/at/all.conf")
    gatekeeper.Gate(None).require_allowed("run", "VM x", xml=XML)
    assert (
        refusal(
            gatekeeper.Gate("/nowhere/else").require_allowed, "run", "VM x"
        ).code
        == 987
    )


def test_the_hosts_own_configuration_that_cannot_be_read(
    world, entries, tmp_path, monkeypatch
):
    """When VDSM starts, and until it is mended; no restart."""
    monkeypatch.setattr(config, "PATH", str(tmp_path / "main"))
    (tmp_path / "conf.d").write_text("")
    gate = gatekeeper.Gate(None)
    raised = refusal(gate.require_allowed, "run", "VM x", xml=XML)
    assert raised.code == 987
    assert str(tmp_path / "conf.d") in str(raised)
    (tmp_path / "conf.d").unlink()
    gate.require_allowed("run", "VM x", xml=XML)
    assert [e["code"] for e in entries] == [987]
