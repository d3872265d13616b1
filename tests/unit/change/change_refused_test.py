# SPDX-License-Identifier: GPL-2.0-or-later
"""What a change refuses, on a domain in memory."""


import pytest

from tests.support.world import (
    CLEAR,
    POOL,
    SD,
    SET,
    make,
    other_wins,
    read_flag,
)
from vdsm_backup import errors
from vdsm_backup.change import change
from vdsm_backup.change.request import Request
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.users.users import Users


@pytest.mark.parametrize(
    "overrides, error",
    [
        ({"version": 3}, errors.UnsupportedVersion),
        ({"CLASS": "Iso"}, errors.UnsupportedClass),
        ({"CLASS": "Backup"}, errors.UnsupportedClass),
        ({"BACKUP": "maybe"}, errors.InvalidFlag),
        ({"POOL_UUID": POOL}, errors.DomainAttached),
        ({"ALIGNMENT": "1000"}, errors.DamagedMetadata),
        ({"ALIGNMENT": None}, errors.DamagedMetadata),
        ({"BLOCK_SIZE": "x"}, errors.DamagedMetadata),
    ],
)
@pytest.mark.parametrize("request_", [SET, CLEAR], ids=["set", "clear"])
def test_refused_before_the_lease(world, overrides, error, request_):
    storage = make(**overrides)
    if request_ is CLEAR and "BACKUP" not in overrides:
        storage.lines = md_lines.flush(
            flag.apply(md_lines.parse(storage.lines).values, flag.Flag(True))
        )
    before = list(storage.lines)
    with pytest.raises(error):
        world.change(storage, request_)
    assert storage.lines == before
    assert "write" not in world.log
    assert not any(entry[0] == "lease" for entry in world.log)


@pytest.mark.parametrize(
    "spoil, error",
    [
        (lambda lines: lines[:-1], errors.SealMissing),
        (lambda lines: ["A=1", *lines], errors.SealBroken),
        (lambda lines: ["CLASS=Iso", *lines], errors.DamagedMetadata),
        (lambda lines: ["torn", *lines], errors.DamagedMetadata),
        (lambda lines: [], errors.NotMetadata),
    ],
)
def test_broken_metadata_is_not_written(world, spoil, error):
    storage = make()
    storage.lines = spoil(storage.lines)
    before = list(storage.lines)
    with pytest.raises(error):
        world.change(storage, SET)
    assert storage.lines == before


def test_hosted_engine(world):
    world.hosted_engine = SD
    with pytest.raises(errors.HostedEngineDomain):
        world.change(make(), SET)
    assert world.log == []


def test_flag_as_the_user_knows_it(world):
    request = SET._replace(expected=True)
    with pytest.raises(errors.MetadataChanged):
        world.change(make(), request)
    assert world.log == []
    request = SET._replace(expected=False)
    assert world.change(make(), request).changed


def test_lease_refused(world):
    storage = make()
    before = list(storage.lines)
    world.lease_error = errors.LeaseBusy(SD, "host id 3")
    with pytest.raises(errors.LeaseBusy):
        world.change(storage, SET)
    assert storage.lines == before


@pytest.mark.parametrize(
    "play", [other_wins(True), other_wins(False, POOL_UUID=POOL)]
)
def test_somebody_was_first(world, play):
    storage = make()
    world.under_lease = play
    with pytest.raises(errors.MetadataChanged):
        world.change(storage, SET)
    assert "write" not in world.log


# Users


@pytest.mark.parametrize(
    "users",
    [Users(["VM web1 (disk vda)"], [], []), Users([], ["image x"], [])],
)
def test_refused_while_in_use(world, users):
    world.users = [users]
    with pytest.raises(errors.DomainInUse) as e:
        world.change(make(), SET)
    assert (users.blocking + users.images)[0] in str(e.value)
    assert world.log == ["users"]


def test_despite_open_images(world):
    world.users = [Users([], ["image x is open"], [])]
    request = Request("set", reason="r", despite_open_images=True)
    result = world.change(make(), request)
    assert "image x is open" in result.notes


def test_a_vm_is_refused_despite_open_images(world):
    world.users = [Users(["VM web1"], [], [])]
    request = Request("set", reason="r", despite_open_images=True)
    with pytest.raises(errors.DomainInUse):
        world.change(make(), request)


# A pool that is said to be gone


def test_pool_is_gone(world):
    storage = make(POOL_UUID=POOL)
    request = Request("set", reason="r", pool_is_gone=True)
    world.change(storage, request)
    assert read_flag(storage).value is True
    assert change.checked(storage).pool == POOL


def test_pool_is_not_gone_while_vdsm_runs(world):
    world.vdsm = "it answers"
    request = Request("set", reason="r", pool_is_gone=True)
    with pytest.raises(errors.VdsmRunning, match=f"{POOL}.*: it answers"):
        world.change(make(POOL_UUID=POOL), request)
    assert world.log == []


def test_vdsm_that_starts_while_the_lease_is_taken(world):
    storage = make(POOL_UUID=POOL)
    world.under_lease = lambda storage: setattr(world, "vdsm", "it answers")
    request = Request("set", reason="r", pool_is_gone=True)
    with pytest.raises(errors.VdsmRunning):
        world.change(storage, request)
    assert "write" not in world.log


def test_vdsm_may_run_beside_a_detached_domain(world):
    world.vdsm = "it answers"
    assert world.change(make(), SET).changed
