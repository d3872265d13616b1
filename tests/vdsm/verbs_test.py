# SPDX-License-Identifier: GPL-2.0-or-later
"""
StorageDomain.setBackup and getBackup, as a client of VDSM's JSON-RPC sees
them: real HSM, Dispatcher, Bridge, API and file domains.
"""

import json
import subprocess

import pytest

from tests.support import outside
from tests.support.vdsm.refusals import refused
from tests.vdsm.inside import storage, vms
from vdsm_backup import errors
from vdsm_backup.change import history
from vdsm_backup.metadata import flag


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("master", [True, False])
def test_set_read_clear(host, version, master):
    one, two = host.local_domain(version), host.local_domain(version)
    host.pool(one[0], two[0])
    sd_id, metafile = one if master else two
    before = outside.values(metafile)
    assert host.get_backup(sd_id)["backup"] is False
    assert host.info(sd_id)["backup"] is False

    result = host.set_backup(sd_id, True, "copies of site A & B, é")
    assert (result["changed"], result["backup"]) == (True, True)
    assert not any("other hosts" in note for note in result["notes"])

    stored = outside.read_flag(metafile)
    assert stored.value is True
    assert stored.reason == "copies of site A & B, é"
    assert stored.by == "api@127.0.0.1"
    assert host.info(sd_id)["backup"] is True
    assert host.get_backup(sd_id) == outside.told(stored)

    result = host.set_backup(sd_id, False, "moved to tape")
    assert (result["changed"], result["backup"]) == (True, False)
    assert host.get_backup(sd_id)["reason"] == "moved to tape"
    assert host.info(sd_id)["backup"] is False
    after = outside.values(metafile)
    assert {k: after.get(k) for k in before} == before
    assert set(after) - set(before) <= set(flag.KEYS)


def test_it_was_so_already(host, sd):
    host.set_backup(sd[0], True, "why")
    before = outside.values(sd[1])
    result = host.set_backup(sd[0], True, "why")
    assert (result["changed"], result["backup"]) == (False, True)
    assert outside.values(sd[1]) == before


def test_strings_of_the_command_line_client(host, sd):
    host.set_backup(sd[0], "true", "why", expected="false")
    assert outside.read_flag(sd[1]).value is True
    host.set_backup(sd[0], "false", "why")
    assert outside.read_flag(sd[1]).value is False


def test_address_of_the_caller(host):
    """VDSM listens on IPv6, where an IPv4 address has a prefix."""
    addresses = ["::ffff:192.0.2.7", "192.0.2.7", "2001:db8::ffff:7"]
    assert host.do(storage.callers, None, *addresses) == [
        ["api@192.0.2.7", []],
        ["api@192.0.2.7", []],
        ["api@2001:db8::ffff:7", []],
    ]


# Who changes it, as the caller says

BY = "admin@internal-authz via bridge engine.example.com"


def pool_of(host):
    sd_id, metafile = host.local_domain()
    host.pool(sd_id)
    return sd_id, metafile


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_client_on_this_host_says_who(start, address):
    """VDSM listens on IPv6 by default, and on IPv4 through it."""
    host = start(listen="::")
    sd_id, metafile = pool_of(host)
    host.call_at(address)
    result = host.set_backup(sd_id, True, "why", by=BY)
    assert result["by"] == outside.read_flag(metafile).by == BY
    assert not [note for note in result["notes"] if "by" in note.split()]
    assert history.History(host.history).get(sd_id, 1).by == BY
    host.set_backup(sd_id, False, "done")
    assert outside.read_flag(metafile).by == f"api@{address}"


def test_from_elsewhere_it_is_left_out(start):
    """
    The same host, by an address of its own that is not the loopback's: so it
    looks to VDSM as any other host.
    """
    host = start(listen="::")
    sd_id, metafile = pool_of(host)
    address = addresses_of_this_host()[0]
    host.call_at(address)
    result = host.set_backup(sd_id, True, "why", by=BY)
    assert result["by"] == outside.read_flag(metafile).by == f"api@{address}"
    note = f"by was left out, it is taken from this host only: api@{address}"
    assert note in result["notes"]
    # Nor is it a reason to refuse.
    assert host.set_backup(sd_id, False, "done", by="")["changed"]


def addresses_of_this_host():
    shown = subprocess.run(
        ["ip", "-json", "addr", "show", "scope", "global", "up"],
        check=True,
        stdout=subprocess.PIPE,
    )
    found = [
        info["local"]
        for link in json.loads(shown.stdout)
        # What the scope leaves out is an empty object.
        for info in link.get("addr_info", ())
        if "local" in info
    ]
    if not found:
        pytest.skip("this machine has no address but the loopback's")
    return found


@pytest.mark.parametrize("by", ["", "two\nlines", 3, "x" * 1100])
def test_who_that_cannot_be_stored(host, sd, by):
    refused(errors.InvalidArgument, host.set_backup, sd[0], by=by)
    assert flag.BACKUP not in outside.values(sd[1])


@pytest.mark.parametrize("value", ["True", "yes", "", 1, 0, None, [], {}])
def test_anything_else_is_no_boolean(host, sd, value):
    refused(errors.InvalidArgument, host.set_backup, sd[0], value)
    if value is not None:
        refused(errors.InvalidArgument, host.set_backup, sd[0], expected=value)
    assert flag.BACKUP not in outside.values(sd[1])


@pytest.mark.parametrize("reason", ["", "two\nlines", None, 3, "x" * 1025])
def test_reason_that_cannot_be_stored(host, sd, reason):
    refused(errors.InvalidReason, host.set_backup, sd[0], True, reason)
    assert flag.BACKUP not in outside.values(sd[1])


def test_compare_and_set(host, sd):
    refused(errors.MetadataChanged, host.set_backup, sd[0], expected=True)
    host.set_backup(sd[0], True, expected=False)
    refused(
        errors.MetadataChanged, host.set_backup, sd[0], False, expected=False
    )
    assert outside.read_flag(sd[1]).value is True


def test_a_refusal_is_no_fault_of_vdsm(host, sd):
    """VDSM logs an error that it has not expected with a trace."""
    master_pool = outside.values(sd[1])["POOL_UUID"]
    before = len(host.log())
    refused(errors.MetadataChanged, host.set_backup, sd[0], expected=True)
    refused(errors.InvalidReason, host.set_backup, sd[0], True, "")
    refused(errors.DomainNotFound, host.get_backup, master_pool)
    xml = vms.XML.format(sd=sd[0], device="disk")
    host.do(vms.run_vm, {"name": "web1", "xml": xml})
    refused(errors.DomainInUse, host.set_backup, sd[0])
    host.stop_spm(master_pool)
    refused(654, host.set_backup, sd[0])
    said = host.log()[before:]
    assert "Unexpected error" not in said
    assert "BackupFlagError" not in said
    assert "SecureError" not in said
    # A fault is one.
    outside.put(sd[1], {**outside.values(sd[1]), "BACKUP": "maybe"})
    refused(errors.InvalidFlag, host.get_backup, sd[0])
    assert "BackupFlagError" in host.log()[before:]


def test_reads_what_others_wrote_this_moment(host, sd):
    assert host.get_backup(sd[0])["backup"] is False
    outside.put_flag(sd[1])
    found = host.get_backup(sd[0])
    assert (found["backup"], found["by"]) == (True, outside.FLAG.by)


def test_spm_only(host):
    sd_id, metafile = host.local_domain()
    sp_id = host.pool(sd_id, spm=False)
    assert "SPM" in refused(654, host.set_backup, sd_id)
    assert flag.BACKUP not in outside.values(metafile)
    host.become_spm(sp_id)
    host.set_backup(sd_id)
    host.stop_spm(sp_id)
    refused(654, host.set_backup, sd_id, False)
    assert host.get_backup(sd_id)["backup"] is True


def test_method_of_the_pool_is_secured_itself(host):
    """Whatever it calls first."""
    sd_id, _ = host.local_domain()
    host.pool(sd_id, spm=False)
    assert host.do(storage.set_unsecured) == "SecureError"


def test_invalid_value_is_never_guessed(host, sd):
    outside.put(sd[1], {**outside.values(sd[1]), "BACKUP": "maybe"})
    refused(errors.InvalidFlag, host.get_backup, sd[0])
    refused(errors.InvalidFlag, host.set_backup, sd[0])
    assert "backup" not in host.info(sd[0])


def test_broken_seal(host, sd):
    with open(sd[1], "a") as f:
        f.write("X=Y\n")
    refused(errors.SealBroken, host.get_backup, sd[0])
    refused(errors.SealBroken, host.set_backup, sd[0])
