# SPDX-License-Identifier: GPL-2.0-or-later
"""verify on file domains that VDSM or sanlock cannot use."""

import os
import shutil
import subprocess

import pytest

from tests.support.storage import filedomain, leasefiles
from vdsm_backup.change import history
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes import spawn
from vdsm_backup.processes.records import Record

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def dom_md(host):
    host.domain(sd_id=A, name="data1")
    return os.path.join(host.mount, A, "dom_md")


def row(host, *args):
    done = host.json("verify", *args)
    (found,) = done.json["domains"]
    assert found["ok"] == (not found["problems"])
    assert done.code == (0 if found["ok"] else 1)
    return found


def problems(host, *args):
    return [(p["code"], p["message"]) for p in row(host, *args)["problems"]]


def only_notes(host):
    found = row(host)
    assert found["problems"] == []
    return found["notes"]


def write(path, data, offset=0):
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


# ids, leases, xleases


def missing(path):
    os.unlink(path)


def empty(path):
    os.truncate(path, 0)


def short(path):
    os.truncate(path, os.path.getsize(path) // 2)


def zeroed(path):
    write(path, bytes(os.path.getsize(path)))


def foreign(path):
    write(path, leasefiles.ids(B))


def foreign_area(path):
    name = os.path.basename(path)
    data = leasefiles.sdm(B) if name == "leases" else leasefiles.index(B)
    write(path, data, leasefiles.MIB)


def another_resource(path):
    write(path, leasefiles.sdm(A, "SPM"), leasefiles.MIB)


def a_link(path):
    os.rename(path, f"{path}.away")
    os.symlink(f"{path}.away", path)


def a_directory(path):
    os.unlink(path)
    os.mkdir(path)


def a_fifo(path):
    os.unlink(path)
    os.mkfifo(path, 0o660)


@pytest.mark.parametrize(
    "area, harm, words",
    [
        ("ids", missing, "it is missing"),
        ("ids", empty, "it has 0 bytes of 1048576"),
        ("ids", short, "it has 524288 bytes of 1048576"),
        ("ids", zeroed, "never initialized, or was zeroed"),
        ("ids", foreign, f"another lockspace, {B}"),
        ("ids", a_link, "symbolic links"),
        ("ids", a_directory, "no regular file"),
        ("ids", a_fifo, "no regular file"),
        ("leases", missing, "it is missing"),
        ("leases", empty, "too short"),
        ("leases", short, "too short"),
        ("leases", zeroed, "never initialized"),
        ("leases", foreign_area, f"another lockspace, {B}"),
        ("leases", another_resource, "the lease SPM"),
    ],
)
def test_area_of_sanlock(host, dom_md, area, harm, words):
    harm(os.path.join(dom_md, area))
    ((code, message),) = problems(host)
    assert code == 9620
    assert message.startswith(f"{area} of storage domain {A} ")
    assert words in message


@pytest.mark.parametrize(
    "harm, words",
    [
        (missing, "it is missing"),
        (empty, "too short"),
        (zeroed, "never initialized"),
        (foreign_area, f"another lockspace, {B}"),
    ],
)
def test_leases_of_vms_are_a_note(host, dom_md, harm, words):
    harm(os.path.join(dom_md, "xleases"))
    (note,) = only_notes(host)
    assert note.startswith("xleases: ") and words in note


def test_areas_of_other_sizes_than_the_metadata_has(host):
    host.domain(sd_id=A, BLOCK_SIZE="4096")
    codes = [code for code, _ in problems(host)]
    assert codes == [9620, 9620]


def test_a_local_domain_has_no_lockspace(host):
    host.domain(sd_id=A, TYPE="LOCALFS")
    dom_md = os.path.join(host.mount, A, "dom_md")
    os.truncate(os.path.join(dom_md, "ids"), 0)
    os.truncate(os.path.join(dom_md, "leases"), 0)
    os.unlink(os.path.join(dom_md, "xleases"))
    assert only_notes(host) == []
    os.unlink(os.path.join(dom_md, "ids"))
    ((code, message),) = problems(host)
    assert code == 9620 and "it is missing" in message


@pytest.mark.parametrize("version", [0, 3])
def test_a_domain_that_cannot_have_a_flag(host, version):
    host.domain(version, sd_id=A)
    shutil.rmtree(os.path.join(host.mount, A, "images"))
    assert only_notes(host) == ["it has no directory images"]


# Directories


def test_dom_md_that_is_gone(host, dom_md):
    shutil.rmtree(dom_md)
    directory = os.path.dirname(dom_md)
    for args in ([], [A], ["--path", host.mount], ["--path", directory]):
        found = row(host, *args)
        assert (found["id"], found["place"]) == (A, os.path.dirname(dom_md))
        ((code, message),) = problems(host, *args)
        assert code == 9622 and "its dom_md is gone" in message


def test_dom_md_that_is_a_link(host, dom_md):
    a_link(dom_md)
    ((code, message),) = problems(host)
    assert code == 9624 and "symbolic link" in message


def test_dom_md_that_is_a_file(host, dom_md):
    shutil.rmtree(dom_md)
    open(dom_md, "w").close()
    ((code, message),) = problems(host)
    assert code == 9622 and "no directory" in message


def test_directory_that_is_left_when_a_domain_was_formatted(host):
    os.mkdir(os.path.join(host.mount, A))
    assert host.json("verify").json["domains"] == []


@pytest.mark.parametrize("name", [A.upper(), f"{A}.old", "data", f" {A}"])
def test_directory_whose_name_is_no_uuid_in_lower_case(host, dom_md, name):
    path = os.path.join(host.mount, name)
    os.rename(os.path.dirname(dom_md), path)
    for args in ([], [A], ["--path", host.mount], ["--path", path]):
        found = row(host, *args)
        assert (found["id"], found["place"]) == (A, path)
        ((code, message),) = problems(host, *args)
        assert code == 9622
        assert "named " + name in message and A in message


def test_copy_beside_its_origin_is_a_note(host, dom_md):
    directory = os.path.dirname(dom_md)
    shutil.copytree(directory, f"{directory}.bak")
    done = host.json("verify")
    assert done.code == 0
    first, second = done.json["domains"]
    assert (first["id"], first["ok"], first["notes"]) == (A, True, [])
    assert (second["id"], second["ok"]) == (None, True)
    assert f"a copy of domain {A}" in second["notes"][0]


def test_directories_that_are_no_domains(host, dom_md):
    for name in ("lost+found", ".snapshot", "isos-of-some-host-here"):
        os.makedirs(os.path.join(host.mount, name, "images"))
    open(os.path.join(host.mount, "__DIRECT_IO_TEST__"), "w").close()
    open(os.path.join(host.mount, B), "w").close()
    os.symlink("/nonexistent", os.path.join(host.mount, "link"))
    assert only_notes(host) == []


def test_images_that_are_gone_are_a_note(host, dom_md):
    os.rmdir(os.path.join(host.mount, A, "images"))
    assert only_notes(host) == ["it has no directory images"]


def test_leftovers_are_a_note(host, dom_md):
    names = ["metadata.new", "metadata.new.h.1.0123456789abcdef"]
    for name in names:
        open(os.path.join(dom_md, name), "w").close()
    (note,) = only_notes(host)
    assert ": " + ", ".join(names) + ";" in note
    for i in range(30):
        open(os.path.join(dom_md, f"metadata.new.{i}\x1b"), "w").close()
    (note,) = only_notes(host)
    assert " and 12 more; " in note
    assert "\x1b" not in host.run("verify").out


OURS = "metadata.new.h.1.0123456789abcdef"


@pytest.mark.parametrize("name, code", [("metadata.new", 9622), (OURS, 9624)])
def test_directory_where_new_metadata_would_be(host, dom_md, name, code):
    os.mkdir(os.path.join(dom_md, name))
    ((found, message),) = problems(host)
    assert found == code and name in message
    # Ours is in our way, and VDSM's is not.
    done = host.run("set", A, "--reason", "x")
    assert done.code == (1 if name == OURS else 0)


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, lambda path: os.symlink("/dev/null", path)],
    ids=["FIFO", "link"],
)
def test_vdsm_would_write_to_what_is_no_file(host, dom_md, make):
    make(os.path.join(dom_md, "metadata.new"))
    ((code, message),) = problems(host)
    assert code == 9622 and "metadata.new" in message
    os.unlink(os.path.join(dom_md, "metadata.new"))
    # The next change takes away what is there by a name of ours.
    make(os.path.join(dom_md, OURS))
    (note,) = only_notes(host)
    assert OURS in note
    assert host.run("set", A, "--reason", "x").code == 0
    assert only_notes(host) == []


# This host


@pytest.mark.parametrize(
    "name, words", [(A, "the lockspace joined"), (f"{A}.lvs", "LVs active")]
)
def test_what_a_killed_run_has_left_is_a_note(host, dom_md, name, words):
    record = Record(host.run_dir, name)
    record.open()
    record.write({"host_id": 250, "generation": 1})
    record.lock()
    # The run is alive.
    assert only_notes(host) == []
    record.close()
    (note,) = only_notes(host)
    assert words in note and "tidies up" in note


class Kept:
    """What History.keep() wants of a storage."""

    sd_id = A
    found_at = "here"

    def save_extra(self, path):
        return False


LINES = md_lines.flush(filedomain.metadata(A))
OLD = {"BACKUP_SINCE": "2020-01-01T00:00:00Z"}
NEW = {"BACKUP_SINCE": "2220-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "actions, values, lost",
    [
        (["set"], {}, True),
        (["set"], {"BACKUP": "True"}, False),
        (["set"], {"BACKUP": "False", **OLD}, True),
        # Another host has cleared it.
        (["set"], {"BACKUP": "False", **NEW}, False),
        (["set", "clear"], {}, False),
        (["clear", "set"], {}, True),
        (["set", "restore"], {}, False),
        (["set", "reseal"], {}, True),
        (["reseal"], {}, False),
        ([], {}, False),
    ],
)
def test_flag_that_this_host_has_set(host, actions, values, lost):
    host.domain(sd_id=A, **values)
    copies = history.History(host.history)
    kept = [
        copies.keep(Kept(), LINES, "admin@host1", action) for action in actions
    ]
    if not lost:
        assert only_notes(host) == []
        return
    ((code, message),) = problems(host)
    assert code == 9623
    copy = [copy for copy in kept if copy.action == "set"][-1]
    for word in ("admin@host1", copy.time, f"copy {copy.number} "):
        assert word in message


def test_history_that_cannot_be_read_is_a_note(host, dom_md):
    os.makedirs(os.path.join(host.history, A))
    with open(os.path.join(host.history, A, "000001.json"), "w") as f:
        f.write("{")
    (note,) = only_notes(host)
    assert note.startswith("the history of this host: ")


# Storage that hangs


def test_a_process_that_does_not_end(host, dom_md, monkeypatch):
    """The metadata was read, and then the mount hangs."""
    from vdsm_backup.verify import looking

    monkeypatch.setattr(looking, "_LOOK", "tests.support.processes.hanging")
    host.configure(io_timeout=2)
    done = host.run("verify")
    assert done.code == 3
    assert done.out.startswith(f"{A}: unreadable, data1\n    error 962: ")


def test_doctor_says_the_same(host, dom_md):
    zeroed(os.path.join(dom_md, "ids"))
    shutil.rmtree(os.path.join(host.mount, A, "images"))
    checks = host.json("doctor").json["checks"]
    found = {c["state"]: c for c in checks if c["name"] == f"domain {A}"}
    assert "error 9620: ids of " in found["bad"]["text"]
    assert "explain 9620" in found["bad"]["hint"]
    assert found["note"]["text"] == "it has no directory images"
    assert "domains" not in {c["name"] for c in checks}


def test_doctor_says_what_was_looked_at(host, dom_md):
    checks = host.json("doctor").json["checks"]
    (found,) = [c for c in checks if c["name"] == "domains"]
    assert found["state"] == "ok"
    assert found["text"].startswith("looked at: metadata, ")


def test_the_process_follows_no_link(host, dom_md, tmp_path):
    """A malicious export puts a link where a file was."""
    os.rename(dom_md, f"{dom_md}.away")
    secret = tmp_path / "secret"
    shutil.copytree(f"{dom_md}.away", secret)
    os.symlink(secret, dom_md)
    request = '{"sd_id": "%s", "align": 1048576, "sector": 512, "host_id": 1,'
    request = request % A + ' "directory": "%s", "areas": {"ids": null}}'
    request %= os.path.dirname(dom_md)
    command = spawn.command("vdsm_backup.verify.look", request)
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    assert '"faults"' not in out
    assert "Not a directory" in out or "symbolic links" in out
