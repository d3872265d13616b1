# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whatever a hook is given, and whatever it finds: one coded line or nothing.
"""

import os

import pytest

from tests.support.hooks import hookrunner, vmxml
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.hookrunner import POINTS
from tests.support.hooks.needs import needs_other_user
from tests.support.waiting import RUNS_OUT
from vdsm_backup import config
from vdsm_backup.vm import domxml

pytest_plugins = ["tests.support.hooks.hookfixtures"]


BOMB = (
    b"<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'>"
    + b"".join(
        b"<!ENTITY %c '%s'>" % (98 + i, b"&%c;" % (97 + i) * 10)
        for i in range(9)
    )
    + b"]><domain><name>&j;</name></domain>"
)

BAD_XML = {
    "empty": b"",
    "nul": b"\0",
    "text": b"no XML",
    "json": b'{"disk": "vda"}',
    "open": b"<domain>",
    "two roots": b"<domain/><domain/>",
    "bytes": b"<domain><name>\xff\xfe</name></domain>",
    "encoding": b"<?xml version='1.0' encoding='nonsense'?><domain/>",
    "dtd": b"<!DOCTYPE domain><domain/>",
    "outside": b"<!DOCTYPE domain SYSTEM 'file:///etc/passwd'><domain/>",
    "bomb": BOMB,
    "unknown entity": b"<domain><name>&x;</name></domain>",
    "no VM": b"<network><name>n</name></network>",
    "escapes": b"<a\\\"'><name>\x1b[2J</name></a>",
    "deep": b"<domain>" + b"<a>" * 5000,
    "bad id": vmxml.vm(vmxml.disk("/x"), claims=[vmxml.claim("$(reboot)")]),
}


@pytest.fixture(params=POINTS)
def point(request):
    return request.param


@pytest.mark.parametrize("xml", BAD_XML)
def test_bad_xml(guarded_host, point, xml):
    assert_refused(guarded_host.vdsm(point, BAD_XML[xml]), 996)


@pytest.mark.parametrize("xml", BAD_XML)
@pytest.mark.parametrize("operation", ["prepare", "migrate"])
def test_bad_xml_from_libvirt(guarded_host, operation, xml):
    assert_refused(guarded_host.libvirt(operation, BAD_XML[xml]), 996)


def test_fifty_mebibytes(guarded_host):
    data = vmxml.vm(name="x" * 50 * 1024**2)
    outcome = guarded_host.start(data)
    assert_refused(outcome, 996)
    assert f"longer than {domxml.MAX_XML}" in outcome.err
    small = vmxml.vm()
    fits = small + b" " * (domxml.MAX_XML - len(small))
    assert_allowed(guarded_host.start(fits))
    assert_refused(guarded_host.start(fits + b" "), 996)


def test_fifty_mebibytes_from_libvirt(guarded_host):
    """libvirt may be told that nobody reads on."""
    data = vmxml.vm(name="x" * 50 * 1024**2)
    assert_refused(guarded_host.libvirt("prepare", data), 996)


def test_a_fault_before_anything_is_known(guarded_host, nfs, point, tmp_path):
    """Of an installation that is broken; no trace is shown."""
    path = os.path.join(guarded_host.hooks, point, hookrunner.NAME)
    with open(path) as f:
        text = f.read().replace(
            "import sys\n",
            "import sys\n\nsys.modules['vdsm_backup.hooks.answer'] = None\n",
        )
    hookrunner.add(str(tmp_path), point, hookrunner.NAME, text)
    outcome = hookrunner.vdsm(str(tmp_path), point, vmxml.vm())
    assert_refused(outcome, 999)
    assert "not because of a flag" in outcome.err


def replace(make):
    """The data file is another one, of the same name."""

    def change(env):
        path = env["_hook_domxml"]
        os.rename(path, path + ".real")
        make(path)

    return change


def leave_out(env):
    del env["_hook_domxml"]


def set_to(value):
    return lambda env: env.update(_hook_domxml=value)


@pytest.mark.parametrize(
    "change",
    [
        replace(lambda path: None),
        replace(os.mkfifo),
        replace(os.mkdir),
        replace(lambda path: os.symlink(path + ".real", path)),
        replace(lambda path: os.symlink("/etc/passwd", path)),
        replace(lambda path: os.symlink(path, path)),
        leave_out,
        set_to(""),
        set_to("/dev/zero"),
        set_to("/dev/null/x"),
        set_to("x" * 5000),
        set_to("\udcff\x1b'\""),
    ],
    ids="gone FIFO directory link passwd loop none empty"
    " zero null long bytes".split(),
)
def test_data_file(guarded_host, nfs, point, change):
    nfs.flag("False")
    data = vmxml.vm(nfs.disk())
    assert_refused(guarded_host.vdsm(point, data, change=change), 996)


@pytest.mark.parametrize(
    "change", [replace(os.mkfifo), set_to("/dev/zero")], ids=["FIFO", "zero"]
)
def test_only_a_regular_file_is_read(guarded_host, change):
    outcome = guarded_host.start(vmxml.vm(), change=change)
    assert "it is no regular file" in outcome.err


def test_a_data_file_may_be_read_by_others(guarded_host, nfs):
    """Of another owner and mode it is the same XML."""
    nfs.flag("True")
    data = vmxml.vm(nfs.disk())

    def change(env):
        os.chown(env["_hook_domxml"], 12345, 12345)
        os.chmod(env["_hook_domxml"], 0o777)

    assert_refused(guarded_host.start(data, change=change), 994)


# Storage


def test_domain_that_is_not_there(guarded_host, way_of):
    sd_id = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
    outcome = guarded_host.start(vmxml.vm(way_of(sd_id)))
    assert_refused(outcome, 995)
    assert sd_id in outcome.err


@pytest.fixture(
    params=[
        lambda repo, sd: vmxml.lease(sd),
        lambda repo, sd: vmxml.disk(f"/run/vdsm/storage/{sd}/i/v"),
        lambda repo, sd: vmxml.disk(f"{repo}/{vmxml.POOL}/{sd}/images/i/v"),
        lambda repo, sd: vmxml.disk(f"{repo}/mnt/gone/{sd}/images/i/v"),
        lambda repo, sd: vmxml.disk(f"{repo}/mnt/blockSD/{sd}/images/i/v"),
        lambda repo, sd: vmxml.disk(f"vol/{sd}/images/i/v", "network"),
    ],
    ids="lease run pool mount block gluster".split(),
)
def way_of(request, quick):
    return lambda sd_id: request.param(quick.cli.repo, sd_id)


@pytest.fixture
def quick(guarded_host):
    """Metadata that is missing is looked for until the time is over."""
    guarded_host.configure(io_timeout=RUNS_OUT)
    yield guarded_host
    guarded_host.configure(io_timeout=None)


def test_domain_whose_seal_is_broken(guarded_host, domain):
    lines = sorted(f"{k}={v}" for k, v in domain.values.items())
    for seal in ("_SHA_CKSUM=" + "0" * 40, "_SHA_CKSUM="):
        domain.put([*lines, "BACKUP=False", seal])
        assert_refused(guarded_host.start(vmxml.vm(domain.disk())), 995)


@pytest.mark.parametrize(
    "value", ["", "true", "1", "True ", "Trueé", "False\x7f"]
)
def test_flag_that_is_invalid(guarded_host, domain, value):
    domain.flag(value)
    assert_refused(guarded_host.start(vmxml.vm(domain.disk())), 995)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 512, b"\xff\xfe=\n", b"BACKUP=False\n", b"x" * (1 << 20)],
    ids="empty NULs bytes bare long".split(),
)
def test_file_that_is_no_metadata(quick, nfs, data):
    nfs.put_bytes(data)
    assert_refused(quick.start(vmxml.vm(nfs.disk())), 995)


@pytest.mark.parametrize(
    "make",
    [lambda path: None, os.mkfifo, os.mkdir, lambda p: os.symlink(p, p)],
    ids="gone FIFO directory loop".split(),
)
def test_metadata_that_is_no_file(quick, nfs, make):
    nfs.flag("False")
    os.rename(nfs.metadata, nfs.metadata + ".kept")
    try:
        make(nfs.metadata)
        assert_refused(quick.start(vmxml.vm(nfs.disk())), 995)
    finally:
        if os.path.isdir(nfs.metadata):
            os.rmdir(nfs.metadata)
        os.rename(nfs.metadata + ".kept", nfs.metadata)
    quick.configure(io_timeout=None)
    assert_allowed(quick.start(vmxml.vm(nfs.disk())))


def test_text_of_storage_and_of_the_vm_is_harmless(guarded_host, domain):
    evil = "a\u202e\\\"'b " + "é" * 300
    domain.flag("True", BACKUP_REASON=evil, BACKUP_BY=evil, BACKUP_SINCE=evil)
    disk = domain.disk(target='vd"\\\u202e' + "x" * 300)
    data = vmxml.vm(disk, name="n\u202e\\\"'" + "x" * 300)
    assert_refused(guarded_host.start(data), 994)


def test_a_long_reason_leaves_room_for_the_count(guarded_host, domain, nfs):
    for flagged in (domain, nfs):
        flagged.flag("True", BACKUP_REASON="x" * 300)
    disks = [domain.disk(), nfs.disk(target="vdb")]
    outcome = guarded_host.start(vmxml.vm(*disks))
    assert_refused(outcome, 994)
    end = "(error 994); copy the disk elsewhere"
    assert outcome.err.endswith(f"xx..), 1 more domain refused too {end}")


# Configuration


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "nonsense"},
        {"mode": ""},
        {"on_unreadable": '\x1b[2J"\\é'},
        {"nonsense": "1"},
        {"mode": "enforcing\n[broken"},
        # Each is four characters when it is shown.
        {"x\x7f" * 99: "1"},
    ],
    ids="choice nothing escapes option section hidden".split(),
)
def test_broken_configuration(guarded_host, nfs, point, options):
    """Refused: nobody knows what it was meant to allow."""
    nfs.flag("False")
    guarded_host.guard(**options)
    assert_refused(guarded_host.vdsm(point, vmxml.vm(nfs.disk())), 987)


@pytest.mark.parametrize("value", ["False", "True"])
@pytest.mark.parametrize(
    "options",
    [
        {"bridge_allow": "shwo"},
        {"domains": "x"},
        {"tls": "maybe"},
        {"dir": "x"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_hooks_do_not_read_refuses_nobody(
    guarded_host, nfs, options, value
):
    nfs.flag(value)
    guarded_host.guard(**options)
    outcome = guarded_host.start(vmxml.vm(nfs.disk()))
    if value == "True":
        assert_refused(outcome, 994)
    else:
        assert_allowed(outcome)


def test_configuration_that_is_gone(guarded_host, nfs):
    """One that was asked for; the host's own need not be there."""
    os.rename(guarded_host.cli.config, guarded_host.cli.config + ".kept")
    try:
        assert_refused(guarded_host.start(vmxml.vm(nfs.disk())), 987)
    finally:
        os.rename(guarded_host.cli.config + ".kept", guarded_host.cli.config)


@needs_other_user
def test_host_without_a_configuration(guarded_host, nfs, tmp_path):
    """The defaults: user vdsm reads, and refuses."""
    if os.path.exists(config.PATH):
        pytest.skip(f"this host has {config.PATH}")
    hooks = hookrunner.install(str(tmp_path), None)
    for value, refused in (("True", True), ("False", False)):
        nfs.flag(value)
        outcome = hookrunner.vdsm(
            hooks, "before_vm_start", vmxml.vm(nfs.disk())
        )
        assert outcome.refused == refused, outcome
        assert ("(error 994)" in outcome.err) == refused
