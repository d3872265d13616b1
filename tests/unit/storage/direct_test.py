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
from vdsm_backup.host.mounts import Mount
from vdsm_backup.lvm.scan import DOMAIN_TAG, Pv, Scan, Vg
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


def read_soon(host, place):
    """What stays away is looked for until then."""
    return host.reader.read(place, RUNS_OUT)


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
        def scan(self):
            asked.append(list(self.devices))
            answer = answers["+".join(self.devices)]
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(Lvm, "scan", scan)
        return asked

    return see


def vg(*tags, name=A):
    pvs = [Pv("/dev/x", "uuid", False, True)]
    return Vg(name, "uuid", "wz--n-", tags, "", "", pvs, ())


TAGS = [
    DOMAIN_TAG,
    *map(encoding.encode_tag, md_lines.flush(filedomain.metadata(A))),
]
FOUND = Scan([vg(*TAGS)], {})
FOREIGN = Scan([vg("theirs")], {})


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


@pytest.mark.parametrize("left", ["metadata", "ids", "leases"])
def test_a_candidate_that_is_a_damaged_domain(host, tmp_path, left):
    os.makedirs(tmp_path / A / "dom_md")
    # Of a directory nobody knows whether it is the file in another shape.
    os.mkdir(tmp_path / A / "dom_md" / left)
    with pytest.raises(errors.Error):
        read_soon(host, Location(A, FILE, str(tmp_path / A), candidate=True))


def test_a_candidate_whose_dom_md_is_empty(host, tmp_path):
    os.makedirs(tmp_path / A / "dom_md")
    (tmp_path / A / "dom_md" / "notes").write_text("")
    with pytest.raises(NotADomain):
        read(host, Location(A, FILE, str(tmp_path / A), candidate=True))


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_candidate_whose_dom_md_is_no_directory(host, tmp_path, kind):
    """Nobody knows what is in it: that is no ENOENT."""
    os.mkdir(tmp_path / A)
    if kind == "file":
        (tmp_path / A / "dom_md").write_text("")
    else:
        (tmp_path / A / "dom_md").symlink_to(tmp_path)
    with pytest.raises(errors.MetadataUnreadable):
        read(host, Location(A, FILE, str(tmp_path / A), candidate=True))


def test_where_vdsm_has_domains_an_empty_one_is_one(host):
    os.makedirs(os.path.join(directory(host, A), "dom_md"))
    with pytest.raises(errors.Unreadable):
        read_soon(host, Location(A, FILE, directory(host, A)))


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


def link(host, target, sd_id, pool=POOL):
    pool = os.path.join(host.repo, pool)
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
    asked = lvm_sees({"/dev/x": FOUND})
    link(host, os.path.join(host.repo, "mnt", "blockSD", A), A)
    assert read(host, Location(A, ANY))["SDUUID"] == A
    assert asked == [["/dev/x"]]


# Comes before POOL.
OLD_POOL = "01111111-2222-3333-4444-555555555555"
NEW_POOL = "91111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize("pool", [OLD_POOL, NEW_POOL])
@pytest.mark.parametrize(
    "stale", ["mnt/gone:_a/{}", "mnt/server:_data/gone/{}", "{}", "../{}"]
)
def test_a_link_that_leads_nowhere_is_passed_over(
    host, no_search, stale, pool
):
    sd = host.domain(5, BACKUP="True")
    link(host, directory(host, sd), sd)
    link(host, os.path.join(host.repo, stale.format(sd)), sd, pool)
    assert read(host, Location(sd, ANY))["BACKUP"] == "True"


def test_a_link_to_a_block_domain_that_is_gone(host, no_search, lvm_sees):
    host.reader._options.lvm_devices = ["/dev/x"]
    lvm_sees({"/dev/x": Scan([], {})})
    sd = host.domain(5)
    link(host, os.path.join(host.repo, "mnt", "blockSD", sd), sd, OLD_POOL)
    link(host, directory(host, sd), sd)
    assert read(host, Location(sd, ANY))["SDUUID"] == sd


@pytest.mark.parametrize("flagged", [0, 1])
def test_a_flag_counts_wherever_a_link_leads(host, no_search, flagged):
    mounts = [host.mount, host.add_mount("server:_copy")]
    link(host, f"{mounts[0]}/{A}", A, OLD_POOL)
    link(host, f"{mounts[1]}/{A}", A, POOL)
    for n, mount in enumerate(mounts):
        flag = {"BACKUP": "True"} if n == flagged else {}
        host.domain(5, mount=mount, sd_id=A, **flag)
    assert read(host, Location(A, ANY))["BACKUP"] == "True"


@pytest.mark.parametrize("flag", ["True", "False"])
def test_a_link_to_what_cannot_be_read(host, no_search, flag):
    """It hides no flag, and is no answer where no flag is."""
    broken = os.path.join(host.add_mount("server:_copy"), A)
    os.makedirs(os.path.join(broken, "dom_md", "metadata"))
    host.domain(5, sd_id=A, BACKUP=flag)
    link(host, broken, A, OLD_POOL)
    link(host, directory(host, A), A)
    if flag == "True":
        assert read(host, Location(A, ANY))["BACKUP"] == "True"
    else:
        with pytest.raises(errors.Error):
            read_soon(host, Location(A, ANY))


def test_all_links_lead_nowhere(host):
    sd = host.domain(5)
    link(host, f"{host.repo}/mnt/gone/{sd}", sd, OLD_POOL)
    link(host, f"{host.repo}/mnt/blockSD/{sd}", sd)
    assert read(host, Location(sd, ANY))["SDUUID"] == sd
    with pytest.raises(errors.DomainNotFound):
        link(host, f"{host.repo}/mnt/gone/{A}", A)
        read(host, Location(A, ANY))


def test_no_link_is_looked_at_where_the_repository_could_hang(
    host, monkeypatch
):
    sd = host.domain(5)
    link(host, directory(host, sd), sd)
    table = [
        Mount("/", "ext4", "/dev/vda1", "rw", "/"),
        Mount(host.repo, "gfs2", "/dev/sdb", "rw", "/"),
    ]
    monkeypatch.setattr(direct.mounts, "table", lambda: table)
    monkeypatch.setattr(direct, "_listdir", lambda path: 1 / 0)
    assert read(host, Location(sd, ANY))["SDUUID"] == sd


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
    asked = lvm_sees({active: FOUND})
    for place in (Location(A, BLOCK), Location(A, ANY)):
        assert read(host, place)["SDUUID"] == A
    assert asked == [[active], [active]]


@pytest.mark.parametrize(
    "error",
    [errors.DomainNotFound(A), errors.LvmFailed("pvs", 0, "no VG was found")],
)
def test_then_the_configured_ones(host, active, lvm_sees, error):
    """The metadata may be on a PV that no active LV is on."""
    asked = lvm_sees({active: error, f"/dev/x+{active}": FOUND})
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
    asked = lvm_sees({"/dev/x": FOUND})
    assert devices.under_active(A, host.sysfs) == []
    assert read(host, Location(A, BLOCK))["SDUUID"] == A
    assert asked == [["/dev/x"]]


def test_a_vg_that_is_not_vdsms(host, active, lvm_sees):
    lvm_sees({active: FOREIGN})
    with pytest.raises(NotADomain):
        read(host, Location(A, BLOCK))


def test_a_vg_that_is_not_vdsms_and_a_domain_of_vdsms_metadata(
    host, active, lvm_sees
):
    host.reader._options.lvm_devices = [active]
    lvm_sees({active: FOREIGN})
    with pytest.raises(errors.DomainNotFound):
        read(host, Location(A, ANY))


@pytest.mark.parametrize(
    "found",
    [
        Scan([vg("RHAT_storage_domain_UNREADY")], {}),
        Scan([vg("MDT_BACKUP=True")], {}),
        Scan([vg("theirs"), vg(*TAGS)], {}),
        Scan([vg("theirs")], {"/dev/y": errors.LvmFailed("pvs", 5, "EIO")}),
    ],
)
def test_a_vg_that_may_be_vdsms(host, active, lvm_sees, found):
    host.reader._options.lvm_devices = [active]
    lvm_sees({active: found})
    with pytest.raises(errors.Error):
        read(host, Location(A, BLOCK))


def test_no_devices_run_no_lvm(host):
    with pytest.raises(errors.DomainNotFound):
        read(host, Location(A, BLOCK))


def test_a_name_that_only_looks_like_a_transient_disk(host):
    with pytest.raises(NotADomain):
        read(host, Location(A, ANY, candidate=True))
    sd = host.domain(5)
    assert read(host, Location(sd, ANY, candidate=True))["SDUUID"] == sd
