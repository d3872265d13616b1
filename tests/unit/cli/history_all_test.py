# SPDX-License-Identifier: GPL-2.0-or-later
"""history of all domains, and --export."""

import errno
import io
import json
import os

import pytest

from tests.support import commandline
from tests.support.storage import filedomain
from tests.support.storage.memory import MemoryStorage
from vdsm_backup.change import history
from vdsm_backup.cli import main
from vdsm_backup.metadata import lines as md_lines

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
EVIL = "a\x1b[2Jb\u202ec\x7f"


def keep(host, sd_id=A, name="data1", by="admin@host1"):
    lines = md_lines.flush(filedomain.metadata(sd_id, name=name))
    kept = history.History(host.history)
    return kept.keep(MemoryStorage(sd_id, []), lines, by, "set")


def record(host, sd_id=A, number=1):
    return os.path.join(host.history, sd_id, f"{number:06}.json")


# --all


def test_all(host):
    keep(host, B)
    keep(host, A)
    keep(host, A)
    done = host.json("history", "--all")
    assert set(done.json) == {"schema", "histories", "notes"}
    found = done.json["histories"]
    assert [entry["domain"] for entry in found] == [A, B]
    assert [len(entry["copies"]) for entry in found] == [2, 1]
    for entry in found:
        assert set(entry) == commandline.HISTORY
        assert set(entry["copies"][0]) == commandline.COPY
    assert (done.code, done.json["notes"]) == (0, [])
    done = host.run("history", "--all")
    assert [x for x in done.out.splitlines() if x[0] == "S"] == [
        f"Storage domain {A}:",
        f"Storage domain {B}:",
    ]
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("there", [True, False])
def test_none(host, there):
    if there:
        os.makedirs(os.path.join(host.history, A))
        os.mkdir(os.path.join(host.history, "convert"))
    done = host.json("history", "--all")
    assert (done.code, done.json["histories"]) == (0, [])
    done = host.run("history", "--all")
    assert done == commandline.Done(0, "This host keeps no copies.\n", "")


def spoil_record(host):
    with open(record(host, A, 2), "w") as f:
        f.write("{")


def fifo(host):
    os.unlink(record(host, A, 2))
    os.mkfifo(record(host, A, 2))


def no_directory(host):
    keep(host, B)
    with open(os.path.join(host.history, "b" + A[1:]), "w"):
        pass


@pytest.mark.parametrize("spoil", [spoil_record, fifo, no_directory])
def test_part_that_cannot_be_read(host, spoil):
    keep(host)
    keep(host)
    spoil(host)
    done = host.json("history", "--all")
    assert done.code == 3
    assert done.json["histories"][0]["copies"]
    note, *where = done.json["notes"]
    assert note.startswith("error 984: ")
    # Of the domain of which there is no other copy.
    assert len(where) == (spoil is no_directory)
    done = host.run("history", "--all")
    assert done.code == 3
    assert done.err == "".join(f"note: {x}\n" for x in [note, *where])


def test_history_that_cannot_be_read_at_all(host):
    with open(host.history, "w"):
        pass
    done = host.json("history", "--all")
    assert (done.error, done.code) == (984, 1)


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--all", A],
        ["--all", "--show", "1"],
        ["--all", "--export", "1"],
        [A, "--show", "1", "--export", "1"],
        ["--export", "1"],
        [A, "--export", "0"],
    ],
)
def test_wrong_usage(host, args):
    done = host.json("history", *args)
    assert (done.error, done.code) == (990, 2)


# --export


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_export_is_the_record_as_kept(host, as_json):
    keep(host, name=EVIL, by="ü@host")
    done = host.run("history", A, "--export", "1", *as_json)
    with open(record(host)) as f:
        assert done.out == f.read()
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["by"] == "ü@host"
    assert done.out.isascii() and "\x1b" not in done.out


def test_export_by_name_and_of_a_domain_that_is_gone(host):
    keep(host)
    assert host.run("history", A.upper(), "--export", "1").code == 0
    host.domain(sd_id=A, name="data1")
    assert host.run("history", "data1", "--export", "1").code == 0


def test_export_of_what_is_not_there(host):
    keep(host)
    done = host.json("history", A, "--export", "2")
    assert (done.error, done.code) == (985, 1)
    spoil = record(host)
    with open(spoil, "a") as f:
        f.write("}")
    done = host.run("history", A, "--export", "1")
    assert (done.code, done.out) == (1, "")
    assert "error 984: " in done.err


def test_export_through_a_pipe_whose_reader_has_enough(host):
    keep(host, name="x" * 2**20)
    with host.start("history", A, "--export", "1") as process:
        cut = process.stdout.read(10)
        process.stdout.close()
        err = process.stderr.read()
    assert cut and process.returncode == 1
    assert "cannot print the result: Broken pipe" in err


class Cut(io.StringIO):
    """A pipe that is closed, or a disk that is full."""

    def __init__(self, number):
        super().__init__()
        self._number = number

    def flush(self):
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC])
def test_export_that_is_cut_is_no_success(host, number):
    keep(host)
    err = io.StringIO()
    args = ["--config", host.config, "history", A]
    code = main.main([*args, "--export", "1"], Cut(number), err)
    assert code == 1
    assert "cannot print the result: " in err.getvalue()
    # What is only looked at may be cut: `history SD | head`.
    whole = main.main(args, Cut(errno.EPIPE), io.StringIO())
    assert whole == 0
