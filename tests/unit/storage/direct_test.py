# SPDX-License-Identifier: GPL-2.0-or-later
import os

import pytest

from tests.support import testhost
from tests.support.processes import proc
from tests.support.storage import filedomain
from tests.support.waiting import RUNS_OUT, wait_until
from vdsm_backup import config, errors
from vdsm_backup.fileio import choose
from vdsm_backup.host import devices
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage import direct, discovery
from vdsm_backup.vm.paths import ANY, BLOCK, FILE, Location, NotADomain

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
POOL = "11111111-2222-3333-4444-555555555555"
TIMEOUT = 10


@pytest.fixture
def host(tmp_path):
    with testhost.Host(tmp_path, io_timeout=RUNS_OUT) as host:
        host.sysfs = str(tmp_path / "sys")
        options = config.load(host.config)
        host.reader = direct.DirectReader(options, host.sysfs)
        host.seen = []
        yield host


def read(host, place):
    return md_lines.parse(host.reader.read(place, TIMEOUT)).values


def directory(host, sd_id):
    return os.path.join(host.mount, sd_id)


@pytest.fixture
def no_search(monkeypatch):
    """A look at all storage is a failure."""

    def fail(*args, **more):
        pytest.fail("all storage was looked at")

    monkeypatch.setattr(discovery.Discovery, "places", fail)


@pytest.fixture
def lvm_sees(monkeypatch):
    """{device: what lvm finds, or raises}; tells which were asked."""
    asked = []

    def see(answers):
        def find_to_read(self, name):
            asked.append(list(self.devices))
            answer = answers["+".join(self.devices)]
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(Lvm, "find_to_read", find_to_read)
        return asked

    return see


class Vg:
    tags = [
        encoding.encode_tag(s) for s in md_lines.flush(filedomain.metadata(A))
    ]


def test_a_file_domain(host, no_search):
    sd = host.domain(5)
    place = Location(sd, FILE, directory(host, sd))
    assert read(host, place)["SDUUID"] == sd


def test_a_candidate_that_is_a_domain(host, no_search):
    sd = host.domain(5)
    place = Location(sd, FILE, directory(host, sd), candidate=True)
    assert read(host, place)["SDUUID"] == sd


@pytest.mark.parametrize("below", ["", "images", "dom_md-not"])
def test_a_candidate_that_is_none(host, tmp_path, below):
    path = tmp_path / A
    os.makedirs(path / below)
    with pytest.raises(NotADomain):
        read(host, Location(A, FILE, str(path), candidate=True))


def test_a_candidate_that_is_a_file(host, tmp_path):
    (tmp_path / A).write_text("")
    with pytest.raises(NotADomain):
        read(host, Location(A, FILE, str(tmp_path / A), candidate=True))


def test_a_candidate_that_is_a_damaged_domain(host, tmp_path):
    os.makedirs(tmp_path / A / "dom_md")
    with pytest.raises(errors.MetadataUnreadable):
        read(host, Location(A, FILE, str(tmp_path / A), candidate=True))


def test_no_child_is_left(host, monkeypatch):
    opened, real = [], choose.open

    def open_and_tell(*args, **more):
        opened.append(real(*args, **more))
        return opened[-1]

    monkeypatch.setattr(choose, "open", open_and_tell)
    sd = host.domain(5)
    read(host, Location(sd, FILE, directory(host, sd)))
    (io,) = opened
    wait_until(lambda: not proc.alive(io.pid))


# A domain of which only the UUID is known


def link(host, target, sd_id):
    pool = os.path.join(host.repo, POOL)
    os.makedirs(pool, exist_ok=True)
    os.symlink(target, os.path.join(pool, sd_id))


def test_by_the_link_of_vdsm(host, no_search):
    sd = host.domain(5)
    link(host, directory(host, sd), sd)
    assert read(host, Location(sd, ANY))["SDUUID"] == sd


def test_by_a_relative_link(host, no_search):
    sd = host.domain(5)
    link(host, os.path.relpath(directory(host, sd), f"{host.repo}/{POOL}"), sd)
    assert read(host, Location(sd, ANY))["SDUUID"] == sd


def test_by_the_link_of_a_block_domain(host, no_search, lvm_sees):
    host.reader._options.lvm_devices = ["/dev/x"]
    asked = lvm_sees({"/dev/x": Vg})
    link(host, os.path.join(host.repo, "mnt", "blockSD", A), A)
    assert read(host, Location(A, ANY))["SDUUID"] == A
    assert asked == [["/dev/x"]]


def test_a_link_to_another_domain_is_not_followed(host):
    sd = host.domain(5)
    link(host, directory(host, sd), A)
    with pytest.raises(errors.DomainNotFound):
        read(host, Location(A, ANY))


def test_by_a_look_at_all_storage(host):
    sd = host.domain(5)
    assert read(host, Location(sd, ANY))["SDUUID"] == sd


def test_nowhere(host):
    with pytest.raises(errors.DomainNotFound):
        read(host, Location(A, ANY))


# Block domains


@pytest.fixture
def active(host):
    """An LV that is active, on a multipath device, by sysfs."""
    block = os.path.join(host.sysfs, "block")
    lv = f"{A.replace('-', '--')}-ids"
    for dm, name, uuid in (
        ("dm-1", lv, "LVM-x"),
        ("dm-0", "36001", "mpath-36001"),
    ):
        os.makedirs(os.path.join(block, dm, "dm"))
        for key, value in (("name", name), ("uuid", uuid)):
            with open(os.path.join(block, dm, "dm", key), "w") as f:
                f.write(value + "\n")
    os.makedirs(os.path.join(block, "dm-1", "slaves"))
    os.symlink("../../dm-0", os.path.join(block, "dm-1", "slaves", "dm-0"))
    host.reader._options.lvm_devices = ["/dev/x", "/dev/mapper/36001"]
    return "/dev/mapper/36001"


def test_only_devices_under_active_lvs(host, active, lvm_sees, no_search):
    asked = lvm_sees({active: Vg})
    for place in (Location(A, BLOCK), Location(A, ANY)):
        assert read(host, place)["SDUUID"] == A
    assert asked == [[active], [active]]


@pytest.mark.parametrize(
    "error",
    [errors.DomainNotFound(A), errors.LvmFailed("pvs", 0, "no VG was found")],
)
def test_then_the_configured_ones(host, active, lvm_sees, error):
    """The metadata may be on a PV that no active LV is on."""
    asked = lvm_sees({active: error, f"/dev/x+{active}": Vg})
    assert read(host, Location(A, BLOCK))["SDUUID"] == A
    assert asked == [[active], ["/dev/x", active]]


@pytest.mark.parametrize(
    "error",
    [
        errors.StorageTimeout("lvm", 1),
        errors.VolumeGroupUnsafe(A, "duplicate PVs"),
    ],
)
def test_what_is_wrong_with_its_own_devices_is_the_answer(
    host, active, lvm_sees, error
):
    asked = lvm_sees({active: error})
    with pytest.raises(type(error)):
        read(host, Location(A, BLOCK))
    assert asked == [[active]]


def test_no_active_lv(host, lvm_sees):
    host.reader._options.lvm_devices = ["/dev/x"]
    asked = lvm_sees({"/dev/x": Vg})
    assert devices.under_active(A, host.sysfs) == []
    assert read(host, Location(A, BLOCK))["SDUUID"] == A
    assert asked == [["/dev/x"]]


def test_no_devices_run_no_lvm(host):
    with pytest.raises(errors.DomainNotFound):
        read(host, Location(A, BLOCK))


def test_a_name_that_only_looks_like_a_transient_disk(host):
    with pytest.raises(NotADomain):
        read(host, Location(A, ANY, candidate=True))
    sd = host.domain(5)
    assert read(host, Location(sd, ANY, candidate=True))["SDUUID"] == sd
