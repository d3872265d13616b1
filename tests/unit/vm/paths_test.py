# SPDX-License-Identifier: GPL-2.0-or-later
"""Names; tests of following links are in links*_test.py."""

import pytest

from vdsm_backup.text import is_uuid
from vdsm_backup.vm import paths as vm_paths
from vdsm_backup.vm.paths import ANY, BLOCK, FILE, Location

SD = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1101"
OTHER = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1102"
POOL = "5b1a9a4e-7c7b-4d9b-8a59-0d6e3c1f0001"
IMAGE = "9f0cb0f8-1bd4-4d9e-9d1c-3a5b7c9d0001"
VOLUME = "c1d2e3f4-0a1b-4c2d-8e3f-4a5b6c7d0001"
REPO = "/rhev/data-center"
IN = f"images/{IMAGE}/{VOLUME}"
VG = SD.replace("-", "--")
LV = VOLUME.replace("-", "--")


def locations(name, repo_root=REPO, lv_dir="/dev"):
    return vm_paths.locations(name, repo_root, lv_dir)


@pytest.mark.parametrize(
    "name, kind, directory",
    [
        (f"{REPO}/{POOL}/{SD}/{IN}", ANY, ""),
        (f"{REPO}/{POOL}/{SD}/x", ANY, ""),
        (f"{REPO}/mnt/nas:_a/{SD}/{IN}", FILE, f"{REPO}/mnt/nas:_a/{SD}"),
        (
            f"{REPO}/mnt/glusterSD/gl:_v/{SD}/{IN}",
            FILE,
            f"{REPO}/mnt/glusterSD/gl:_v/{SD}",
        ),
        (f"{REPO}/mnt/blockSD/{SD}/{IN}", BLOCK, ""),
        (f"/run/vdsm/storage/{SD}/{IMAGE}/{VOLUME}", ANY, ""),
        (f"/var/run/vdsm/storage/{SD}/{IMAGE}/{VOLUME}", ANY, ""),
        (f"/dev/{SD}/{VOLUME}", BLOCK, ""),
        (f"/dev/mapper/{VG}-{LV}", BLOCK, ""),
        (f"/dev/mapper/{VG}-a", BLOCK, ""),
    ],
)
def test_names_of_vdsm(name, kind, directory):
    assert locations(name) == [Location(SD, kind, directory)]


@pytest.mark.parametrize("directory", ["/var/lib/vdsm/transient", ""])
def test_a_transient_disk(directory):
    name = f"{directory}/{SD}-{VOLUME}.a8_xk2q0"
    assert locations(name) == [Location(SD, ANY, candidate=True)]


def test_a_file_with_the_name_of_a_transient_disk_is_where_it_is():
    directory = f"/srv/{OTHER}"
    found = locations(f"{directory}/images/x/{SD}-{VOLUME}.snapshot")
    assert found == [
        Location(SD, ANY, candidate=True),
        Location(OTHER, FILE, directory, candidate=True),
    ]


@pytest.mark.parametrize("repo_root", ["/r", "/r/", "/srv/data center/$(x)"])
def test_another_repo_root(repo_root):
    top = repo_root.rstrip("/")
    (found,) = locations(f"{top}/mnt/m/{SD}/x", repo_root)
    assert (found.kind, found.directory) == (FILE, f"{top}/mnt/m/{SD}")
    assert locations(f"{top}/{POOL}/{SD}/x", repo_root) == [Location(SD)]


def test_another_lv_dir():
    assert locations(f"/lv/{SD}/{VOLUME}", lv_dir="/lv") == [
        Location(SD, BLOCK)
    ]
    assert [p.candidate for p in locations(f"/dev/{SD}/x", lv_dir="/lv")] == [
        True
    ]


@pytest.mark.parametrize(
    "name",
    [
        # The directory itself, and what is beside domains.
        f"{REPO}/{POOL}/{SD}",
        f"{REPO}/mnt/nas:_a/{SD}",
        f"{REPO}/mnt/blockSD/{SD}",
        f"{REPO}/mnt/nas:_a/__DIRECT_IO_TEST__",
        f"{REPO}/mnt/nas:_a/iso/disk.img",
        f"{REPO}/{SD}",
        f"/run/vdsm/storage/{SD}",
        f"/dev/{SD}",
        # A UUID at another place of VDSM's own tree is no domain.
        f"{REPO}/mnt/{SD}/x/{IN}",
        f"{REPO}/mnt/nas:_a/x/{SD}/{IN}",
        f"{REPO}/hsm-tasks/{SD}/x",
        f"/run/vdsm/storage/x/{SD}/{VOLUME}",
        # What only looks like one.
        f"{REPO}/{POOL}/{SD}x/{IN}",
        f"{REPO}/{POOL}/{SD[:-1]}/{IN}",
        f"{REPO}/{POOL}/{SD}\n/{IN}",
        f"{REPO}/mnt/nas:_a/{SD.upper()}/{IN}",
        f"{REPO}/mnt/nas:_a/{SD};reboot/{IN}",
        f"{REPO}/mnt/nas:_a/$({SD})/{IN}",
        f"{REPO}/mnt/nas:_a/ {SD}/{IN}",
        f"/srv/copy-of-{SD}/disk.img",
        f"/srv/{SD}.img",
        f"/srv/{SD}",
        f"/srv/{SD.replace('-', '_')}/x",
        f"/srv/{SD.upper()}/x",
        # Device mapper: dashes are doubled.
        f"/dev/mapper/{SD}-{LV}",
        f"/dev/mapper/{VG}",
        f"/dev/mapper/{VG}-",
        f"/dev/mapper/{VG}--{LV}",
        f"/dev/mapper/x{VG}-{LV}",
        f"/dev/mapper/{VG}x-{LV}",
        f"/dev/mapper/{VG.upper()}-{LV}",
        f"/dev/mapper/{VG}-{LV}-x",
        "/dev/mapper/mpatha",
        "/dev/mapper/",
        # Transient disks.
        f"/t/{SD}-{VOLUME}",
        f"/t/{SD}-{VOLUME}.a8_xk2q",
        f"/t/{SD}-{VOLUME}.a8_xk2q00",
        f"/t/{SD}-{VOLUME}.A8_XK2Q0",
        f"/t/{SD}-{VOLUME}.a8_xk2q\n",
        f"/t/{SD}-x.a8_xk2q0",
        f"/t/x{SD}-{VOLUME}.a8_xk2q0",
        f"/t/{SD}-{VOLUME}.a8_xk2q0/disk.img",
        "/",
        "/dev/sda",
    ],
)
def test_names_of_others(name):
    """No domain for sure; what has its name is asked for its dom_md."""
    assert all(found.candidate for found in locations(name))


def test_a_copy_of_a_domain_deep_in_the_repository():
    directory = f"{REPO}/mnt/nas:_a/copies/{SD}"
    found = locations(f"{directory}/images/x/y")
    assert found == [Location(SD, FILE, directory, candidate=True)]


@pytest.mark.parametrize("name", ["/rhev/data-center2", "/rhev", "/xrhev"])
def test_beside_repo_root(name):
    (found,) = locations(f"{name}/mnt/m/{SD}/x")
    assert found == Location(SD, FILE, f"{name}/mnt/m/{SD}", candidate=True)


def test_candidates():
    # Each directory that has the name of a domain, not the file.
    name = f"/srv/{OTHER}/a/{SD}/{IN}"
    assert locations(name) == [
        Location(OTHER, FILE, f"/srv/{OTHER}", True),
        Location(SD, FILE, f"/srv/{OTHER}/a/{SD}", True),
        Location(IMAGE, FILE, f"/srv/{OTHER}/a/{SD}/images/{IMAGE}", True),
    ]


def test_a_domain_below_a_directory_of_images():
    """Whatever is above it: its dom_md decides."""
    directory = f"/data/{OTHER}/images/{SD}"
    found = locations(f"{directory}/{IN}")
    assert Location(SD, FILE, directory, candidate=True) in found


def test_a_candidate_is_no_vg():
    assert locations(f"/srv/dev/{SD}/x")[0].candidate
    assert locations(f"/device/{SD}/x")[0].candidate


@pytest.mark.parametrize(
    "name",
    [
        f"v/{SD}/{IN}",
        f"v/a/b/{SD}/{IN}",
        f"v//{SD}/{IN}",
        f"v/./{SD}/./{IN}",
        f"v/{SD}//images//x/y",
        f"v/{SD}/x/../images/x/y",
        f"v/../{SD}/images/x/y",
        f"v//../{SD}/images/x/y",
    ],
)
def test_gluster(name):
    assert vm_paths.gluster_locations(name) == [Location(SD)]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "v",
        f"{SD}/{IN}",
        f"v/{SD}",
        f"v/{SD}/disk.img",
        f"v/x{SD}/{IN}",
        f"v/{SD.upper()}/{IN}",
    ],
)
def test_gluster_of_others(name):
    assert vm_paths.gluster_locations(name) == []


def test_gluster_in_a_domain_in_a_domain():
    name = f"v/{OTHER}/images/{SD}/images/x"
    assert vm_paths.gluster_locations(name) == [Location(OTHER), Location(SD)]


@pytest.mark.parametrize(
    "text, answer",
    [
        (SD, True),
        (SD.upper(), False),
        (SD + "\n", False),
        (" " + SD, False),
        (SD.replace("-", ""), False),
        ("{" + SD + "}", False),
        ("\u0660" + SD[1:], False),
        ("", False),
    ],
)
def test_is_uuid(text, answer):
    assert is_uuid(text) is answer


# Directories with a dom_md


@pytest.mark.parametrize(
    "directory",
    [
        f"{REPO}/mnt/nas:_a/{SD}/images/{OTHER}",
        f"{REPO}/mnt/nas:_a/{SD}/{OTHER}",
        f"{REPO}/mnt/nas:_a/{SD}/x/y/{OTHER}",
        f"{REPO}/mnt/glusterSD/gl:_v/{SD}/images/{OTHER}",
        f"{REPO}/mnt/blockSD/{SD}/images/{OTHER}",
        f"{REPO}/{POOL}/{SD}/images/{OTHER}",
        f"/run/vdsm/storage/{SD}/{OTHER}",
        f"/dev/{SD}/{OTHER}",
    ],
)
def test_a_domain_within_another(directory):
    there = [Location(OTHER, FILE, directory, candidate=True)]
    assert vm_paths.within_domain(directory, REPO) == there
    # A copy of the domain itself, too.
    copy = directory.replace(OTHER, SD)
    there = [Location(SD, FILE, copy, candidate=True)]
    assert vm_paths.within_domain(copy, REPO) == there


@pytest.mark.parametrize(
    "directory",
    [
        f"{REPO}/mnt/nas:_a/{SD}",
        f"{REPO}/mnt/glusterSD/gl:_v/{SD}",
        # VDSM makes a dom_md there, of links to LVs.
        f"{REPO}/mnt/blockSD/{SD}",
        f"{REPO}/{POOL}/{SD}",
        f"/run/vdsm/storage/{SD}",
        f"/dev/{SD}",
        # Their names make candidates of them.
        f"/srv/{SD}",
        f"/srv/{SD}/images/{OTHER}",
        f"{REPO}/mnt/nas:_a/x/{SD}",
    ],
)
def test_a_domain_that_names_tell_of(directory):
    assert vm_paths.within_domain(directory, REPO) == []
    sd_id = directory.rpartition("/")[2]
    assert sd_id in [found.domain for found in locations(f"{directory}/x")]
