# SPDX-License-Identifier: GPL-2.0-or-later
"""Transactions start from storage, on a stand-in for VDSM's dict."""

import errno
import threading

import pytest

from tests.support.vdsm import vdsmshapes
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.plugin import metadata

SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
WHOLE = {"VERSION": "5", "SDUUID": SD, "DESCRIPTION": "data"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(metadata, "RETRY_FOR", 0.2)
    monkeypatch.setattr(metadata, "RETRY_EVERY", 0.01)
    vdsmshapes.be_imported(monkeypatch)


class Dict(vdsmshapes.PersistentDict):
    transaction = metadata.transaction(vdsmshapes.PersistentDict.transaction)
    update = metadata.update(vdsmshapes.PersistentDict.update)
    _flush = metadata.flush(vdsmshapes.PersistentDict._flush)


@pytest.fixture
def rw():
    rw = vdsmshapes.FileMetadataRW(f"/mnt/{SD}/dom_md/metadata")
    rw.lines = md_lines.flush(WHOLE)
    return rw


def stored(rw):
    return md_lines.parse(rw.lines).values


def others_set_the_flag(rw):
    rw.lines = md_lines.flush({**stored(rw), "BACKUP": "True"})


def test_the_stand_in_loses_a_flag_as_vdsm_does(rw):
    md = vdsmshapes.PersistentDict(rw)
    md.copy()
    others_set_the_flag(rw)
    md.update({"DESCRIPTION": "new"})
    assert stored(rw) == {**WHOLE, "DESCRIPTION": "new"}


def test_a_change_starts_from_storage(rw):
    md = Dict(rw)
    md.copy()
    others_set_the_flag(rw)
    md.update({"DESCRIPTION": "new"})
    assert stored(rw) == {**WHOLE, "DESCRIPTION": "new", "BACKUP": "True"}


def test_the_directory_is_listed_before_the_file_is_read(rw):
    md = Dict(rw)
    rw.calls.clear()
    md.update({"DESCRIPTION": "new"})
    assert rw.calls == ["list", "read", "write"]
    rw.calls.clear()
    assert metadata.fresh_lines(rw) == rw.lines
    assert rw.calls == ["list", "read"]


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESTALE])
def test_a_file_that_is_away_has_no_lines(rw, number):
    rw.faults = [OSError(number, "away"), OSError(errno.EIO, "io")]
    assert metadata.fresh_lines(rw) == []
    with pytest.raises(OSError):
        metadata.fresh_lines(rw)


def test_only_the_outermost_transaction_reads(rw):
    md = Dict(rw)
    with md.transaction():
        rw.calls.clear()
        md.update({"DESCRIPTION": "one"})
        with md.transaction():
            md.update({"NAME": "two"})
        assert rw.calls == []
    assert rw.calls == ["write"]
    assert stored(rw) == {**WHOLE, "DESCRIPTION": "one", "NAME": "two"}


def test_a_transaction_that_changes_nothing_writes_nothing(rw):
    md = Dict(rw)
    with md.transaction():
        pass
    assert "write" not in rw.calls


def test_an_error_rolls_back(rw):
    md = Dict(rw)
    with pytest.raises(ZeroDivisionError):
        with md.transaction():
            md.update({"DESCRIPTION": "new"})
            raise ZeroDivisionError
    assert "write" not in rw.calls
    assert md.copy() == WHOLE


@pytest.mark.parametrize(
    "fault", ["missing", OSError(errno.ESTALE, "stale"), OSError(2, "gone")]
)
def test_metadata_that_comes_back(rw, fault):
    rw.faults = [fault] * 3
    Dict(rw).update({"DESCRIPTION": "new"})
    assert stored(rw) == {**WHOLE, "DESCRIPTION": "new"}


def test_metadata_that_stays_away(rw):
    rw.faults = ["missing"] * 1000
    md = Dict(rw)
    with pytest.raises(vdsmshapes.StorageDomainMetadataNotFound) as e:
        md.update({"DESCRIPTION": "new"})
    assert "write" not in rw.calls
    assert "VERSION and SDUUID" in str(e.value)
    # It is read again, and not taken for an empty one.
    rw.faults = []
    assert md.copy() == WHOLE


def test_other_errors_are_not_waited_for(rw):
    rw.faults = [OSError(errno.EIO, "io")]
    with pytest.raises(OSError):
        Dict(rw).update({"DESCRIPTION": "new"})
    assert rw.calls.count("read") == 1


def test_creation_begins_with_nothing(rw):
    rw.lines = []
    Dict(rw).update(WHOLE)
    assert stored(rw) == WHOLE
    assert rw.calls.count("read") == 1


def test_creation_over_what_is_there_starts_from_it(rw):
    others_set_the_flag(rw)
    Dict(rw).update({**WHOLE, "DESCRIPTION": "new"})
    assert stored(rw)["BACKUP"] == "True"


def test_creation_of_one_domain_lets_no_other_begin_with_nothing(rw):
    other = vdsmshapes.FileMetadataRW("/mnt/other/dom_md/metadata")
    md = Dict(other)

    class Creating(Dict):
        def _flush(self, overrideMD):
            with pytest.raises(vdsmshapes.StorageDomainMetadataNotFound):
                with md.transaction():
                    pass
            super()._flush(overrideMD)

    rw.lines = []
    Creating(rw).update(WHOLE)
    assert stored(rw) == WHOLE


@pytest.mark.parametrize("missing", metadata.IDENTITY)
def test_what_is_no_metadata_is_never_written(rw, missing):
    md = Dict(rw)
    with pytest.raises(vdsmshapes.StorageDomainMetadataNotFound):
        with md.transaction():
            del md._metadata[missing]
    assert stored(rw) == WHOLE


def test_one_lock_for_all_dicts_of_a_domain(rw):
    one, two = Dict(rw), Dict(rw)
    inside, done = threading.Event(), []

    def change():
        inside.wait()
        two.update({"TWO": "2"})
        done.append(True)

    thread = threading.Thread(target=change)
    thread.start()
    with one.transaction():
        inside.set()
        thread.join(0.3)
        assert not done
        one.update({"ONE": "1"})
        # The same thread may use another dict.
        assert two.copy() == WHOLE
    thread.join()
    assert stored(rw) == {**WHOLE, "ONE": "1", "TWO": "2"}


def test_domains_do_not_wait_for_each_other():
    assert metadata.lock_of("a") is metadata.lock_of("a")
    assert metadata.lock_of("a") is not metadata.lock_of("b")
