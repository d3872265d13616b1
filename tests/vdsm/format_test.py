# SPDX-License-Identifier: GPL-2.0-or-later
"""
StorageDomain.format, as the engine sends it when a domain is removed with
"Format Domain" ticked: by JSON-RPC, to a real VDSM.
"""

import os
import threading

import pytest

from tests.support import outside
from tests.support.vdsm import vdsmguest as guests
from tests.support.vdsm.vdsmhost import Failed
from tests.support.waiting import wait_until
from tests.vdsm.inside import guard
from vdsm_backup.metadata import flag

# StorageDomainFormatError; no code by which the engine forgets the domain or
# takes the host for one that does not answer.
FORMAT_ERROR = 352


@pytest.fixture(params=[4, 5])
def domain(host, request):
    """One that is in no pool: (UUID, path of metadata)."""
    return host.local_domain(request.param, "backups")


def form(host, sd_id, auto_detach=False):
    return guests.refused(
        host.call,
        "StorageDomain.format",
        storagedomainID=sd_id,
        autoDetach=auto_detach,
    )


def test_a_domain_that_is_not_flagged(host, domain):
    sd_id, metafile = domain
    host.call("StorageDomain.format", storagedomainID=sd_id, autoDetach=False)
    assert not os.path.exists(os.path.dirname(metafile))


@pytest.mark.parametrize("auto_detach", [False, True])
def test_flagged(host, domain, auto_detach):
    sd_id, metafile = domain
    outside.put_flag(metafile)
    before = outside.values(metafile)
    host.do(guard.record_journal)
    code, text = form(host, sd_id, auto_detach)
    assert code == FORMAT_ERROR
    assert text == (
        "Backup domain backups cannot be formatted, clear the flag first"
        f" (set by {outside.FLAG.by}: {outside.FLAG.reason}) (error 9605)"
    )
    assert outside.values(metafile) == before
    # It goes on: VDSM still knows the domain.
    assert host.get_backup(sd_id)["backup"] is True
    ((entry,),) = host.run("say(cif.entries)")
    assert (entry["code"], entry["answer"]) == (9605, "refused")
    assert (entry["operation"], entry["domain"]) == ("format", sd_id)
    assert entry["vm"] is None
    assert f"vdsm-backup-domain clear {sd_id} --reason" in entry["hint"]
    # An expected answer: VDSM writes no trace.
    assert "Traceback" not in host.log()


def test_after_the_flag_was_cleared(host, domain):
    sd_id, metafile = domain
    outside.put_flag(metafile)
    assert form(host, sd_id)[0] == FORMAT_ERROR
    outside.put_flag(metafile, flag.Flag(False))
    host.call("StorageDomain.format", storagedomainID=sd_id, autoDetach=False)
    assert not os.path.exists(os.path.dirname(metafile))


@pytest.mark.parametrize("mode", ["permissive", "disabled"])
def test_other_modes_let_it_through_and_tell(host, domain, mode):
    sd_id, metafile = domain
    outside.put_flag(metafile)
    host.configure(mode=mode)
    host.do(guard.record_journal)
    host.call("StorageDomain.format", storagedomainID=sd_id, autoDetach=False)
    assert not os.path.exists(os.path.dirname(metafile))
    ((entry,),) = host.run("say(cif.entries)")
    assert (entry["code"], entry["answer"]) == (9605, "allowed")


@pytest.mark.parametrize("damage", ["invalid", "checksum"])
@pytest.mark.parametrize("on_unreadable", ["refuse", "allow"])
def test_a_flag_that_cannot_be_read(host, domain, damage, on_unreadable):
    """VDSM itself allows it for a domain that is broken."""
    sd_id, metafile = domain
    outside.put_flag(metafile)
    host.configure(on_unreadable=on_unreadable)
    with open(metafile) as f:
        text = f.read()
    if damage == "invalid":
        outside.put(metafile, {**outside.values(metafile), "BACKUP": "Maybe"})
    else:
        with open(metafile, "w") as f:
            f.write(text.replace("_SHA_CKSUM=", "_SHA_CKSUM=0"))
    host.call("StorageDomain.format", storagedomainID=sd_id, autoDetach=False)
    assert not os.path.exists(os.path.dirname(metafile))


def test_a_configuration_that_cannot_be_used(host, domain):
    """That is no flag that cannot be read: VMs are refused then, too."""
    sd_id, metafile = domain
    host.break_config()
    code, text = form(host, sd_id)
    assert code == FORMAT_ERROR
    assert "(error 987)" in text
    host.mend_config()
    host.call("StorageDomain.format", storagedomainID=sd_id, autoDetach=False)
    assert not os.path.exists(os.path.dirname(metafile))


def test_what_vdsm_refuses_itself_has_its_own_code(host):
    master, _ = host.local_domain()
    sd_id, metafile = host.local_domain(name="data0")
    host.pool(master, sd_id)
    host.set_backup(sd_id)
    # CannotFormatStorageDomainInConnectedPool
    assert form(host, sd_id)[0] == 392
    assert outside.values(metafile)["BACKUP"] == "True"


def test_the_lock_of_the_domain_is_held_while_the_flag_is_read(host, domain):
    """setBackup comes before or after; and no other domain waits."""
    sd_id, metafile = domain
    other, _ = host.local_domain(name="other")
    host.do(guard.stick, sd_id)
    done = []
    thread = threading.Thread(target=lambda: done.append(form(host, sd_id)))
    thread.start()
    try:
        wait_until(lambda: host.run("say(len(cif.stuck))") == [1])
        outside.put_flag(metafile)
        assert host.info(other)["backup"] is False
        assert done == []
    finally:
        host.run("cif.go.set()")
        thread.join()
    assert done[0][0] == FORMAT_ERROR


def test_a_domain_that_is_not_there(host):
    """The engine takes this for a success, so it must be VDSM's answer."""
    sd_id = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
    with pytest.raises(Failed) as e:
        host.call(
            "StorageDomain.format", storagedomainID=sd_id, autoDetach=False
        )
    assert e.value.code == 358
