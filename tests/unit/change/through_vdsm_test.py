# SPDX-License-Identifier: GPL-2.0-or-later
import dataclasses
from unittest import mock

import pytest

from tests.support import world
from vdsm_backup import errors
from vdsm_backup.change import through_vdsm
from vdsm_backup.host.vdsm_client import (
    METHOD_NOT_FOUND,
    Plugin,
    Refused,
    Spm,
    Unanswered,
    Unreachable,
)
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.users.users import Users


class Vdsm:
    """
    In place of vdsm_client.Vdsm: it changes the storage as VDSM would, and
    fails where it is told to.
    """

    def __init__(self, storage):
        self._storage = storage
        self.fails = {}
        self.spm_is = Spm(True, 1)
        self.has = Plugin(takes_by=True)
        self.asked = []
        self.closed = False

    def __enter__(self):
        self._at("connect")
        return self

    def __exit__(self, *_):
        self.closed = True

    def plugin(self):
        self._at("get")
        return self.has

    def spm(self, pool):
        assert pool == world.POOL
        self._at("spm")
        return self.spm_is

    def set_backup(self, sd_id, value, reason, expected, by):
        self._at("set")
        self.asked.append((sd_id, value, reason, expected, by))
        values = md_lines.parse(self._storage.lines).values
        new = flag.Flag(value, reason, by or "api@host")
        self._storage.lines = md_lines.flush(flag.apply(values, new))
        return {"changed": True, "notes": ["not seen: \x1b"]}

    def _at(self, step):
        if step in self.fails:
            raise self.fails[step]


@pytest.fixture
def storage():
    return world.make(POOL_UUID=world.POOL)


@pytest.fixture
def vdsm(storage):
    return Vdsm(storage)


@pytest.fixture
def ours(tmp_path):
    return world.World(tmp_path)


def change(storage, ours, vdsm, request=world.SET, by="", **more):
    request = dataclasses.replace(request, **more)
    asking = ours.of(storage)
    # --by, as the command line has it.
    asking.attempt.by = by or asking.attempt.by
    return through_vdsm.change_flag(storage, request, asking, vdsm, by=by)


def refused(storage, ours, vdsm, error=errors.DomainAttached, **more):
    before = list(storage.lines)
    with pytest.raises(error) as e:
        change(storage, ours, vdsm, **more)
    assert storage.lines == before
    return str(e.value)


def test_vdsm_makes_the_change(storage, ours, vdsm):
    result = change(storage, ours, vdsm)
    who = ours.of(storage).attempt.by
    assert vdsm.asked == [(world.SD, True, "why it is", False, who)]
    assert vdsm.closed
    assert result.changed
    assert result.lines == storage.lines
    # Ours and VDSM's, harmless.
    assert result.notes == ("libvirt: not looked at", "not seen: \\x1b")
    # We write nothing ourselves, and take no lease.
    assert ours.log == ["users"]


def test_clear(storage, ours, vdsm):
    change(storage, ours, vdsm)
    result = change(storage, ours, vdsm, world.CLEAR)
    assert vdsm.asked[-1][:4] == (world.SD, False, "done with it", True)
    assert result.changed


def stored(storage):
    return flag.read(md_lines.parse(storage.lines).values, world.SD)


@pytest.mark.parametrize("dry_run", [False, True])
def test_vdsm_is_told_who_was_named(storage, ours, vdsm, dry_run):
    result = change(storage, ours, vdsm, by="eve@engine", dry_run=dry_run)
    new = flag.read(md_lines.parse(result.lines).values, world.SD)
    assert (new.by, new.reason) == ("eve@engine", "why it is")
    assert len(vdsm.asked) == (0 if dry_run else 1)


def test_a_plugin_that_takes_no_name(storage, ours, vdsm):
    """Who was named is told in the reason, and who runs this is not told."""
    vdsm.has = Plugin(takes_by=False)
    change(storage, ours, vdsm)
    found = stored(storage)
    assert (found.by, found.reason) == ("api@host", "why it is")
    change(storage, ours, vdsm, by="eve@engine", reason="x", replace=True)
    found = stored(storage)
    assert (found.by, found.reason) == ("api@host", "x (by eve@engine)")
    assert vdsm.asked[-1][2:] == ("x (by eve@engine)", True, None)


@pytest.mark.parametrize("takes_by", [False, True])
def test_named_in_the_reason_already(storage, ours, vdsm, takes_by):
    """Whichever plugin there is now, nothing is to be changed."""
    vdsm.has = Plugin(takes_by=False)
    assert change(storage, ours, vdsm, by="eve@engine").changed
    vdsm.has = Plugin(takes_by)
    assert not change(storage, ours, vdsm, by="eve@engine").changed
    assert len(vdsm.asked) == 1


def test_a_reason_that_is_too_long_with_the_name(storage, ours, vdsm):
    """Nothing is cut, and nothing is changed."""
    long = {"by": "eve@engine", "reason": "x" * 1005}
    vdsm.has = Plugin(takes_by=False)
    refused(storage, ours, vdsm, errors.InvalidReason, **long)
    assert vdsm.asked == []
    vdsm.has = Plugin(takes_by=True)
    assert change(storage, ours, vdsm, **long).changed


def test_detached_since_it_was_found(storage, ours, vdsm):
    storage.lines = list(world.make().lines)
    assert change(storage, ours, vdsm).changed
    assert vdsm.asked == []
    assert ("lease", mock.ANY) in ours.log


def test_nothing_to_change_asks_nobody(storage, ours, vdsm):
    change(storage, ours, vdsm)
    vdsm.fails["connect"] = Unreachable("x")
    assert not change(storage, ours, vdsm).changed


def test_a_dry_run_asks_all_but_for_the_change(storage, ours, vdsm):
    result = change(storage, ours, vdsm, dry_run=True)
    assert result.changed
    assert flag.read(md_lines.parse(result.lines).values, world.SD).value
    assert vdsm.asked == []
    vdsm.spm_is = Spm(False, 3)
    refused(storage, ours, vdsm, dry_run=True)


def test_what_we_see_ourselves_refuses_too(storage, ours, vdsm):
    ours.users = [Users(images=["image a/b is open for writing by qemu"])]
    refused(storage, ours, vdsm, errors.DomainInUse)
    assert vdsm.asked == []
    assert change(storage, ours, vdsm, despite_open_images=True).changed


def test_the_hosted_engine(storage, ours, vdsm):
    ours.hosted_engine = world.SD
    refused(storage, ours, vdsm, errors.HostedEngineDomain)


def test_vdsm_stamps_no_origin_alone(storage, ours, vdsm):
    change(storage, ours, vdsm)
    text = refused(storage, ours, vdsm, accept_origin=True, reason="other")
    assert "--accept-origin" in text


@pytest.mark.parametrize(
    "step, failure, words",
    [
        ("connect", Unreachable("no client here"), "no client here"),
        ("get", Unanswered("did not answer"), "did not answer"),
        ("spm", Refused(through_vdsm.UNKNOWN_POOL, "x"), "not in that pool"),
        ("set", Refused(through_vdsm.NOT_SPM, "x"), "not the SPM any more"),
        ("set", Refused(METHOD_NOT_FOUND, "x"), "has no plugin"),
        ("spm", Refused(364, "no \x1bmd"), "VDSM's error 364: no \\x1bmd"),
    ],
)
def test_what_is_in_the_way(storage, ours, vdsm, step, failure, words):
    vdsm.fails[step] = failure
    assert words in refused(storage, ours, vdsm)


@pytest.mark.parametrize(
    "host_id, words", [(3, "host id 3 is"), (-1, "nobody is")]
)
def test_another_host_is_the_spm(storage, ours, vdsm, host_id, words):
    vdsm.spm_is = Spm(False, host_id)
    text = refused(storage, ours, vdsm)
    assert f"this host is not the SPM, {words}" in text
    assert "General tab" in text
    assert vdsm.asked == []


def test_vdsms_refusal_is_our_own(storage, ours, vdsm):
    vdsm.fails["set"] = Refused(975, "Storage domain x is in use: VM a")
    with pytest.raises(errors.DomainInUse) as e:
        change(storage, ours, vdsm)
    assert str(e.value) == "Storage domain x is in use: VM a"
    assert e.value.refusal
    assert "stop the VMs" in e.value.hint_lines()[0]


def test_a_vdsm_without_the_plugin(storage, ours, vdsm):
    vdsm.has = None
    assert "has no plugin" in refused(storage, ours, vdsm)
    assert vdsm.asked == []


def test_an_error_of_vdsms_own_may_come_after_the_write(storage, ours, vdsm):
    vdsm.fails["set"] = Refused(652, "cannot release the lock")
    text = refused(storage, ours, vdsm, errors.OutcomeUnknown)
    assert "VDSM's error 652: cannot release the lock" in text


def test_a_change_that_cannot_be_read_was_made(storage, ours, vdsm):
    hung = errors.StorageTimeout("storage", 1)

    def set_backup(*args):
        storage.faults["read"] = hung
        return {"changed": True, "notes": []}

    vdsm.set_backup = set_backup
    result = change(storage, ours, vdsm)
    assert result.changed
    assert flag.read(md_lines.parse(result.lines).values, world.SD).value
    assert "reading it failed: storage did not answer" in result.notes[-1]


def claim(storage, lines, changed=True):
    """A set_backup that leaves these lines, and answers that all is well."""

    def set_backup(*args):
        storage.lines = lines
        return {"changed": changed, "notes": []}

    return set_backup


@pytest.mark.parametrize("changed", [True, False])
def test_a_change_that_is_not_on_storage(storage, ours, vdsm, changed):
    vdsm.set_backup = claim(storage, list(storage.lines), changed)
    text = refused(storage, ours, vdsm, errors.NotAsAnswered)
    assert "storage says otherwise: it is not a backup domain" in text


def test_a_clear_that_is_not_on_storage(storage, ours, vdsm):
    change(storage, ours, vdsm)
    vdsm.set_backup = claim(storage, list(storage.lines))
    with pytest.raises(errors.NotAsAnswered) as e:
        change(storage, ours, vdsm, world.CLEAR)
    assert "it is a backup domain, since" in str(e.value)


def test_a_change_with_another_reason_on_storage(storage, ours, vdsm):
    lines = md_lines.flush(
        flag.apply(
            md_lines.parse(storage.lines).values, flag.Flag(True, "other")
        )
    )
    vdsm.set_backup = claim(storage, lines)
    with pytest.raises(errors.NotAsAnswered) as e:
        change(storage, ours, vdsm)
    assert "reason: other" in str(e.value)


@pytest.mark.parametrize(
    "lines, error",
    [
        ([], errors.NotMetadata),
        (["A=1", *world.make(POOL_UUID=world.POOL).lines], errors.SealBroken),
    ],
)
def test_a_change_that_left_no_metadata(storage, ours, vdsm, lines, error):
    vdsm.set_backup = claim(storage, lines)
    with pytest.raises(error):
        change(storage, ours, vdsm)


def test_metadata_that_is_gone_after_the_change(storage, ours, vdsm):
    def set_backup(*args):
        storage.faults["read"] = errors.MetadataMissing(world.SD, "metadata")
        return {"changed": True, "notes": []}

    vdsm.set_backup = set_backup
    with pytest.raises(errors.MetadataMissing):
        change(storage, ours, vdsm)


def test_an_answer_that_lacks_something(storage, ours, vdsm):
    real = vdsm.set_backup
    vdsm.set_backup = lambda *args: real(*args) and {}
    result = change(storage, ours, vdsm)
    assert result.changed
    assert result.lines == storage.lines


# VDSM answers 982 also where somebody else has changed the domain: a verb has
# no code of its own for that.


def unknown(storage, then):
    def set_backup(*args):
        then(storage)
        raise Refused(982, "changed by somebody else")

    return set_backup


def test_unknown_to_vdsm_and_changed_by_somebody_else(storage, ours, vdsm):
    other = world.other_wins(True, BACKUP_REASON="of the other")
    vdsm.set_backup = unknown(storage, other)
    with pytest.raises(errors.ChangedByOther) as e:
        change(storage, ours, vdsm)
    assert "reason: of the other" in str(e.value)


def test_unknown_to_vdsm_and_as_before(storage, ours, vdsm):
    """It may still come."""
    vdsm.set_backup = unknown(storage, lambda storage: None)
    text = refused(storage, ours, vdsm, errors.OutcomeUnknown)
    assert text == "changed by somebody else"


def test_unknown_to_vdsm_and_there(storage, ours, vdsm):
    there = world.other_wins(True, BACKUP_REASON="why it is")
    vdsm.set_backup = unknown(storage, there)
    result = change(storage, ours, vdsm)
    assert result.changed
    assert any("VDSM could not tell" in note for note in result.notes)


def test_unknown_to_vdsm_and_unreadable(storage, ours, vdsm):
    def hang(storage):
        storage.faults["read"] = errors.StorageTimeout("storage", 1)

    vdsm.set_backup = unknown(storage, hang)
    refused(storage, ours, vdsm, errors.OutcomeUnknown)


def test_a_change_without_an_answer(storage, ours, vdsm):
    vdsm.fails["set"] = Unanswered("VDSM did not answer within 300 seconds")
    refused(storage, ours, vdsm, errors.OutcomeUnknown)


# Who tells the journal


def told(storage, ours, vdsm, error=None):
    """Whether VDSM is taken to have told of it."""
    its = ours.of(storage)
    try:
        through_vdsm.change_flag(storage, world.SET, its, vdsm)
    except errors.Error as e:
        assert isinstance(e, error), e
    else:
        assert error is None
    assert its.attempt.before is False
    return its.attempt.was_told


def test_vdsm_tells_of_what_it_has_done(storage, ours, vdsm):
    assert told(storage, ours, vdsm)
    # We were not asked for anything.
    its = ours.of(storage)
    through_vdsm.change_flag(storage, world.SET, its, vdsm)
    assert not its.attempt.was_told


def test_vdsm_tells_of_what_it_refuses(storage, ours, vdsm):
    vdsm.fails["set"] = Refused(errors.DomainInUse.code, "VM web1")
    assert told(storage, ours, vdsm, errors.DomainInUse)


@pytest.mark.parametrize("error", [None, errors.DomainInUse])
def test_an_older_plugin_does_not_tell(storage, ours, vdsm, error):
    vdsm.has = Plugin(takes_by=False)
    if error:
        vdsm.fails["set"] = Refused(error.code, "VM web1")
    assert not told(storage, ours, vdsm, error)


def test_nobody_tells_if_it_was_not_asked(storage, ours, vdsm):
    ours.users = [Users(["VM web1"])]
    assert not told(storage, ours, vdsm, errors.DomainInUse)
    ours.users = [Users()]
    vdsm.fails["set"] = Refused(METHOD_NOT_FOUND, "no such verb")
    assert not told(storage, ours, vdsm, errors.DomainAttached)
    vdsm.has = None
    assert not told(storage, ours, vdsm, errors.DomainAttached)


def test_nobody_knows_whether_it_tells_if_it_does_not_answer(
    storage, ours, vdsm
):
    vdsm.fails["set"] = Unanswered("died")
    assert not told(storage, ours, vdsm, errors.OutcomeUnknown)


def test_we_tell_if_storage_says_otherwise(storage, ours, vdsm):
    vdsm.set_backup = lambda *args: {"changed": True}
    assert not told(storage, ours, vdsm, errors.NotAsAnswered)
