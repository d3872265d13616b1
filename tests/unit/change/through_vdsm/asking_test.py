# SPDX-License-Identifier: GPL-2.0-or-later
"""What VDSM is asked, and what keeps us from it."""

from unittest import mock

import pytest

from tests.support import world
from tests.support.vdsm.changing import change, refused
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


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_is_never_seen_of_other_hosts(storage, ours, vdsm, dry_run):
    """They may run VMs from it, and the engine knows these."""
    ours.users = [Users(elsewhere=["VMs of other hosts"])]
    result = change(storage, ours, vdsm, dry_run=dry_run)
    assert result.notes[0] == (
        "not seen: VMs of other hosts; the engine's own check (the Backup box"
        " in Manage Domain) covers the data center"
    )


def test_clear(storage, ours, vdsm):
    change(storage, ours, vdsm)
    result = change(storage, ours, vdsm, world.CLEAR)
    assert vdsm.asked[-1][:4] == (world.SD, False, "done with it", True)
    assert result.changed


@pytest.mark.parametrize("dry_run", [False, True])
def test_storage_that_cannot_be_written(
    storage, ours, vdsm, monkeypatch, dry_run
):
    """VDSM, which has the same mount or LUN here, is not even asked."""
    error = errors.ChangeWouldFail(world.SD, "/mnt is mounted read-only")
    monkeypatch.setattr(storage, "unwritable", lambda: error)
    with pytest.raises(errors.ChangeWouldFail):
        change(storage, ours, vdsm, dry_run=dry_run)
    assert (vdsm.asked, vdsm.closed) == ([], False)


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
    "step, code, cause",
    [
        ("spm", through_vdsm.UNKNOWN_POOL, "other-pool"),
        ("set", METHOD_NOT_FOUND, "no-plugin"),
        ("set", through_vdsm.NOT_SPM, ""),
        ("none", None, "no-plugin"),
    ],
)
def test_cause_for_programs(storage, ours, vdsm, step, code, cause):
    """A bridge has to know it, and reads no words."""
    if code is None:
        vdsm.has = None
    vdsm.fails[step] = Refused(code, "x")
    with pytest.raises(errors.DomainAttached) as e:
        change(storage, ours, vdsm)
    assert e.value.as_object().get("cause", "") == cause


@pytest.mark.parametrize(
    "host_id, words", [(3, "host id 3 is"), (-1, "nobody is")]
)
def test_another_host_is_the_spm(storage, ours, vdsm, host_id, words):
    vdsm.spm_is = Spm(False, host_id)
    text = refused(storage, ours, vdsm)
    assert f"this host is not the SPM, {words}" in text
    assert "General tab" in text
    assert vdsm.asked == []
