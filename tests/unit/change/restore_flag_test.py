# SPDX-License-Identifier: GPL-2.0-or-later
"""
A copy that the user did not name takes no flag away: on a domain in memory.
"""

import pytest

from tests.support.world import CLEAR, SD, SET, kept, make, other_wins
from vdsm_backup import errors
from vdsm_backup.change.request import Request
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines


def plain_copies(world):
    """
    Copies without a flag: it was never there, or cleared; kept before
    whatever change.
    """
    for value in (None, "False"):
        plain = make(**({"BACKUP": value} if value else {}))
        for action in ("set", "clear", "restore"):
            yield world.history.keep(plain, plain.lines, "me", action)


def lines_are(make_lines):
    def spoil(storage):
        storage.lines = make_lines(storage.lines)

    return spoil


def read_fails(error):
    return lambda storage: storage.faults.update(read=error)


def without(*keys):
    return lines_are(
        lambda lines: [x for x in lines if x.partition("=")[0] not in keys]
    )


def sealed(**overrides):
    def make_lines(lines):
        values = {**md_lines.parse(lines).values, **overrides}
        return md_lines.flush(
            {k: v for k, v in values.items() if v is not None}
        )

    return lines_are(make_lines)


# What may have become of the metadata of a flagged domain.
NOT_WHOLE = {
    "gone": read_fails(errors.MetadataMissing(SD, "metadata")),
    "no text": read_fails(errors.NotMetadata(SD, "it is not UTF-8")),
    "tag": read_fails(errors.DamagedMetadata(SD, "tag &1114112&")),
    "empty": lines_are(lambda lines: []),
    # What VDSM stores by a change of the name while the file is missing.
    "two lines": lines_are(
        lambda lines: md_lines.flush({"DESCRIPTION": "new"})
    ),
    "key of a pool": lines_are(
        lambda lines: md_lines.flush({"LEASETIMESEC": "6"})
    ),
    "version only": lines_are(lambda lines: md_lines.flush({"VERSION": "5"})),
    "no version": sealed(VERSION=None),
    "no uuid": sealed(SDUUID=None),
    "no uuid, no flag": sealed(SDUUID=None, BACKUP=None),
    "of another": sealed(SDUUID="b" + SD[1:], BACKUP=None),
    "flag gone": without(*flag.KEYS),
    "flag gone, a part": without(flag.BACKUP),
    "flag False by hand": lines_are(
        lambda lines: [x.replace("BACKUP=True", "BACKUP=False") for x in lines]
    ),
    "no seal": without(md_lines.SEAL),
    "no seal, no flag": without(md_lines.SEAL, *flag.KEYS),
    "no seal, version cut": lines_are(
        lambda lines: [x for x in lines[:-2] if x[:6] != "BACKUP"]
        + ["VERSION="]
    ),
    "no seal, class gone": without(md_lines.SEAL, "CLASS", *flag.KEYS),
    "two seals": lines_are(lambda lines: [f"{md_lines.SEAL}=0", *lines]),
    "two values": lines_are(lambda lines: ["BACKUP=False", *lines]),
    "torn line": lines_are(lambda lines: ["torn", *lines]),
    "torn line, no flag": lines_are(
        lambda lines: ["torn", *md_lines.flush(_unflagged(lines))]
    ),
    "invalid": sealed(BACKUP="maybe"),
    "invalid, empty": sealed(BACKUP=""),
    **{
        f"cut at {n}": lines_are(lambda lines, n=n: lines[:n])
        for n in range(1, 20, 3)
    },
}


def _unflagged(lines):
    values = md_lines.parse(lines).values
    return {k: v for k, v in values.items() if k not in flag.KEYS}


@pytest.mark.parametrize("name", NOT_WHOLE)
def test_a_copy_that_nobody_chose_is_no_word_on_the_flag(world, name):
    """Whatever the copy was kept for: another host may have set it since."""
    storage = make()
    copies = list(plain_copies(world))
    other_wins(True)(storage)
    NOT_WHOLE[name](storage)
    before = list(storage.lines)
    for copy in copies:
        for request in (
            Request("restore"),
            Request("restore", dry_run=True),
            Request("restore", pool_is_gone=True, despite_open_images=True),
        ):
            with pytest.raises(errors.FlagWouldBeLost):
                world.restore(storage, copy, request, chosen=False)
    assert storage.lines == before
    assert world.log == []
    assert len(world.history.numbers(SD)) == len(copies)
    # Who named it may.
    assert world.restore(storage, copy).changed
    assert storage.lines == copy.lines


def test_the_refusal_says_why(world):
    storage = make()
    copy = kept(world, storage)
    NOT_WHOLE["two lines"](storage)
    with pytest.raises(errors.FlagWouldBeLost) as e:
        world.restore(storage, copy, chosen=False)
    assert str(e.value) == (
        f"Copy 1 would take the backup flag from storage domain {SD}: what is"
        " on storage is not whole (error 963), and another host may have set"
        f" the flag since the copy was kept, {copy.time}"
    )
    hints = "\n".join(e.value.hint_lines())
    for words in (
        "on every host that may have changed the flag",
        f"history {SD}\n",
        f"history {SD} --show 1\n",
        f"restore {SD} --from 1\n",
    ):
        assert words in f"{hints}\n"


@pytest.mark.parametrize(
    "name, reason",
    [
        ("torn line", "what it would replace has one"),
        ("invalid", "what it would replace may have one"),
    ],
)
def test_the_refusal_says_what_is_left_of_the_flag(world, name, reason):
    storage = make()
    copy = kept(world, storage)
    NOT_WHOLE[name](storage)
    with pytest.raises(errors.FlagWouldBeLost) as e:
        world.restore(storage, copy, chosen=False)
    assert str(e.value).endswith(f": {reason}")


def test_a_copy_that_nobody_chose_takes_no_flag_away(world):
    storage = make()
    copy = kept(world, storage)
    before = list(storage.lines)
    with pytest.raises(errors.FlagWouldBeLost):
        world.restore(storage, copy, chosen=False)
    assert storage.lines == before
    assert world.restore(storage, copy).changed


@pytest.mark.parametrize("name", NOT_WHOLE)
def test_a_copy_with_the_flag_goes_over_anything(world, name):
    storage = make()
    flagged = make(BACKUP="True", BACKUP_REASON="older")
    copy = world.history.keep(flagged, flagged.lines, "me", "clear")
    other_wins(True)(storage)
    NOT_WHOLE[name](storage)
    assert world.restore(storage, copy, chosen=False).changed
    assert storage.lines == copy.lines


@pytest.mark.parametrize("value", [None, "False"])
def test_no_flag_is_left_where_none_is(world, value):
    """Whole metadata says so itself."""
    storage = make(BACKUP="False", BACKUP_REASON="done with it")
    plain = make(**({"BACKUP": value} if value else {}))
    copy = world.history.keep(plain, plain.lines, "me", "set")
    assert world.restore(storage, copy, chosen=False).changed
    assert storage.lines == copy.lines


@pytest.mark.parametrize("name", ["two lines", "gone", "flag gone"])
def test_a_flag_set_while_the_lease_was_taken_stays(world, name):
    """Also when the copy was named: what the user saw is there no more."""
    storage = make()
    copy = kept(world, storage)
    flagged = list(storage.lines)
    NOT_WHOLE[name](storage)

    def mended(storage):
        storage.faults.clear()
        storage.lines = list(flagged)

    world.under_lease = mended
    with pytest.raises(errors.MetadataChanged):
        world.restore(storage, copy)
    assert storage.lines == flagged
    assert "write" not in world.log


def test_a_flag_set_on_whole_metadata_while_the_lease_was_taken(world):
    storage = make(BACKUP="False", BACKUP_REASON="done with it")
    plain = make()
    copy = world.history.keep(plain, plain.lines, "me", "set")
    world.under_lease = other_wins(True)
    with pytest.raises(errors.MetadataChanged):
        world.restore(storage, copy, chosen=False)
    assert "BACKUP=True" in storage.lines
    assert "write" not in world.log


def test_a_copy_with_the_flag_is_put_back_unasked(world):
    storage = make()
    world.change(storage, SET)
    world.change(storage, CLEAR)
    copy = world.history.get(SD, 2)
    storage.lines.clear()
    assert world.restore(storage, copy, chosen=False).changed
