# SPDX-License-Identifier: GPL-2.0-or-later
"""VDSM's own storage: its dicts of metadata, its locks, who calls it."""

import os
import threading
import uuid

from tests.support.vdsm import inside, vdsmblock
from tests.support.waiting import wait_until


def produce(sd_id):
    from vdsm.storage.sdc import sdCache

    return sdCache.produce(sd_id)


def describe_stale(sd_id, text):
    """
    By a dict that reads storage next time, as any that was invalidated; the
    code of the error.
    """
    domain = produce(sd_id)
    domain.invalidateMetadata()
    return code_of(lambda: domain.setDescription(text))


def set_metadata(sd_id, values):
    return code_of(lambda: produce(sd_id).setMetadata(values))


def code_of(call):
    try:
        call()
    except Exception as e:
        return e.code


def change_by_threads(metafile, sd_id):
    """Four live dicts of one domain, ten keys each."""
    from vdsm.storage import fileSD

    dicts = [fileSD.FileSDMetadata(metafile)._dict for _ in range(3)]
    dicts.append(produce(sd_id)._metadata._dict)

    def change(md, n):
        for i in range(10):
            md[f"KEY_{n}_{i}"] = "x"

    threads = [
        threading.Thread(target=change, args=(md, n))
        for n, md in enumerate(dicts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def fail_in_a_transaction(sd_id):
    domain = produce(sd_id)
    try:
        with domain._metadata.transaction():
            domain.setDescription("x")
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass


def flag_when_converted(devices):
    """
    When a domain is converted, VDSM has it in memory, and another host sets
    the flag. devices: of the domains.
    """
    from vdsm.storage.formatconverter import FormatConverter

    original = FormatConverter.convert

    def convert(self, repo, host_id, domain, *more):
        domain.getVersion()
        vdsmblock.put_flag(domain.sdUUID, devices[domain.sdUUID])
        return original(self, repo, host_id, domain, *more)

    FormatConverter.convert = convert


def has_host_id(sd_id):
    return produce(sd_id).hasHostId(1)


def take_lease(sd_id):
    domain = produce(sd_id)
    domain.acquireHostId(2)
    domain.acquireClusterLock(2)


def give_lease_back(sd_id):
    produce(sd_id).releaseClusterLock()


def sdm_owners(sd_id, leases, align):
    import sanlock

    owners = sanlock.read_resource_owners(
        *(sd_id.encode(), b"SDM", [(leases, align)]), align=align, sector=512
    )
    return [owner["host_id"] for owner in owners]


def lock(name, how):
    from vdsm.storage import constants as sc
    from vdsm.storage import resourceManager as rm

    mode = {"shared": rm.SHARED, "exclusive": rm.EXCLUSIVE}[how]
    inside.cif.held = rm.acquireResource(sc.STORAGE, name, mode)
    inside.cif.held.__enter__()


def unlock():
    inside.cif.held.__exit__(None, None, None)


def found_as_local(sd_id, path):
    """Whether VDSM finds it, and its class of lock by another one's eyes."""
    from vdsm.storage import exception, localFsSD, nfsSD

    try:
        localFsSD.findDomain(sd_id)
        local = True
    except exception.StorageDomainDoesNotExist:
        local = False
    manifest = nfsSD.NfsStorageDomain(path)._manifest
    return local, type(manifest._domainLock).__name__


def set_by_its_pool(sd_id, path):
    """The code of the error. path: of our configuration."""
    from vdsm_backup import config
    from vdsm_backup.change.attempt import VDSM, Attempt
    from vdsm_backup.plugin import storage, verbs

    domain = storage.open_domain(sd_id)
    request = verbs._request(True, "x", None)
    pool = inside.hsm._pool
    attempt = Attempt("set", "x", "admin@host1", VDSM)
    return code_of(
        lambda: pool.setSDBackup(domain, request, config.load(path), attempt)
    )


def set_unsecured():
    """The name of the error."""
    try:
        inside.hsm._pool.setSDBackup(None, None, None, None)
    except Exception as e:
        return type(e).__name__


def callers(by, *hosts):
    """Who a caller at an address is to us, and the notes. by: as it says."""
    from vdsm.common.api import Context
    from vdsm.common.threadlocal import vars

    from vdsm_backup.plugin import caller

    found = []
    for host in hosts:
        vars.context = Context("flow", host, 54321)
        found.append(caller.who(by))
    vars.context = None
    return found


def take_no_by():
    """The schema of a plugin that does not know `by` of setBackup."""
    from vdsm.api.vdsmapi import Schema

    known = Schema.get_args

    def get_args(self, rep):
        args = known(self, rep)
        if rep.id != "StorageDomain.setBackup":
            return args
        return [arg for arg in args if arg["name"] != "by"]

    Schema.get_args = get_args


def be_hosted_engines(sd_id):
    from vdsm_backup.host import hosted_engine

    hosted_engine.is_hosted_engine = lambda one: one == sd_id


def create_and_pool(directory):
    """
    A domain and a pool, for strict mode: what VDSM's own verbs answer does
    not pass it. (UUID, path of its metadata).
    """
    irs, path = inside.cif.irs, os.path.join(directory, "local")
    os.mkdir(path, 0o777)
    sd_id, sp_id, link = (str(uuid.uuid4()) for _ in range(3))

    def ok(result):
        assert not result["status"]["code"], result
        return result

    def ended():
        status = ok(irs.getTaskStatus(task))["taskStatus"]
        return status["taskState"] == "finished"

    connection = {"id": link, "connection": path}
    ok(irs.connectStorageServer(4, sp_id, [connection]))
    ok(irs.createStorageDomain(4, sd_id, "data", path, 1, 5))
    ok(irs.createStoragePool(sp_id, "pool", sd_id, [sd_id], 1))
    ok(irs.connectStoragePool(sp_id, 1, sd_id, 1, {sd_id: "active"}))
    task = ok(irs.spmStart(sp_id, -1, -1, 250))["uuid"]
    wait_until(ended, pause=0.1)
    return sd_id, os.path.join(path, sd_id, "dom_md", "metadata")


def complaints(sd_id):
    """Of VDSM's schema about getInfo, with and without `backup`."""
    from vdsm.api import vdsmapi

    said = []
    vdsmapi._log_inconsistency = lambda form, text: said.append(text)
    schema = vdsmapi.Schema.vdsm_api(False)
    rep = vdsmapi.MethodRep("StorageDomain", "getInfo")
    info = inside.cif.irs.getStorageDomainInfo(sd_id)["info"]
    assert "backup" in info
    schema.verify_retval(rep, info)
    with_it, said[:] = list(said), []
    del info["backup"]
    schema.verify_retval(rep, info)
    return with_it, said


def create_volume_exported():
    """The dispatcher finds it by what VDSM's decorator has put on it."""
    from vdsm.storage.hsm import HSM

    return HSM.createVolume.__name__, callable(inside.cif.irs.createVolume)
