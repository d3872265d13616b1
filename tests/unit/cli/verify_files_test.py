# SPDX-License-Identifier: GPL-2.0-or-later
"""verify on file domains whose files or directories VDSM cannot use, or we."""

import os
import shutil
import subprocess

import pytest

from tests.support.storage import harms
from tests.support.verifyfixtures import A, B, only_notes, problems, row
from tests.support.waiting import RUNS_OUT
from vdsm_backup.processes import spawn

pytest_plugins = ["tests.support.verifyfixtures"]

# A name that only our own writers give.
OURS = "metadata.new.h.1.0123456789abcdef"


def test_dom_md_that_is_gone(host, dom_md):
    shutil.rmtree(dom_md)
    directory = os.path.dirname(dom_md)
    for args in ([], [A], ["--path", host.mount], ["--path", directory]):
        found = row(host, *args)
        assert (found["id"], found["place"]) == (A, os.path.dirname(dom_md))
        ((code, message),) = problems(host, *args)
        assert code == 9622 and "its dom_md is gone" in message


def test_dom_md_that_is_a_link(host, dom_md):
    harms.a_link(dom_md)
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


@pytest.mark.parametrize("version", [0, 3])
def test_a_domain_that_cannot_have_a_flag(host, version):
    host.domain(version, sd_id=A)
    shutil.rmtree(os.path.join(host.mount, A, "images"))
    assert only_notes(host) == ["it has no directory images"]


# Where new metadata is written


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


# The process that looks


def test_a_process_that_does_not_end(host, dom_md, monkeypatch):
    """The metadata was read, and then the mount hangs."""
    from vdsm_backup.verify import inspections

    monkeypatch.setattr(
        inspections, "_OF_DOMAIN", "tests.support.processes.hanging"
    )
    host.configure(io_timeout=RUNS_OUT)
    done = host.run("verify")
    assert done.code == 3
    assert done.out.startswith(f"{A}: unreadable, data1\n    error 962: ")


def test_the_process_follows_no_link(host, dom_md, tmp_path):
    """A malicious export puts a link where a file was."""
    os.rename(dom_md, f"{dom_md}.away")
    secret = tmp_path / "secret"
    shutil.copytree(f"{dom_md}.away", secret)
    os.symlink(secret, dom_md)
    request = '{"sd_id": "%s", "align": 1048576, "sector": 512, "host_id": 1,'
    request = request % A + ' "directory": "%s", "areas": {"ids": null}}'
    request %= os.path.dirname(dom_md)
    command = spawn.command("vdsm_backup.verify.inspect_domain", request)
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    assert '"faults"' not in out
    assert "it is a symbolic link" in out
