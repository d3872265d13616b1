# SPDX-License-Identifier: GPL-2.0-or-later
"""
The table of docs/bridge.md, as data. Pure.

TABLE has a row for every way in which box and flag can differ. Its rows are
tried in their order, and the first one that fits is the answer. A row fits if
the box and the flag are as it says, all facts of `needs` hold, and none of
`lacks`. decide.py finds the row and the facts.

Facts:

    new           the domain is seen for the first time, by is_new(), or its
                  flag could never be read before
    not-data      it is an ISO or export domain
    foreign       it is attached to a data center that this engine has not
    obstacle      no host can change the flag now
    no-plugin     that is because the SPM has no plugin
    hosted-engine a host has said that the engine's own VM is on it
    master        it is the master domain of its data center
    replica       the storage is not the one that was flagged
    long          the flag cannot be read for longer than `alarm`
    cleared       somebody has lowered the flag with `clear`, and nobody has
                  raised it since: also if older metadata came back then
    write-back    the flag was raised, and is again as it was before, without
                  a `clear`: a host without the plugin, or `restore`, wrote
                  old metadata
    ticked        a person has ticked the box since the `clear` is known
    turning       the box was ticked since then, maybe by a person: the event
                  may still come
    overwritten   somebody else has edited the domain while the bridge ticked
                  the box
    was-on        the box was seen on, or ticked by the bridge
    settled       two looks later the box is still off: an event would be here
    others        somebody else than a bridge has edited the domain since
    several       several have
    ours          a bridge has
    soon          the box went off soon after the bridge has ticked it
    repeated      the bridge has ticked the box again already
    accepted      an untick was accepted, and nothing has changed since
    refused       the engine has refused to tick the box a few times: then
                  `repeated` never holds
    word          the comment was changed in that edit to begin with the word
"""

from __future__ import annotations

from typing import NamedTuple

from vdsm_backup.bridge import shapes


class Row(NamedTuple):
    """
    number: in the table of docs/bridge.md. A number may have several rows.
    box: None: either.
    flags: any of these.
    pending: why the act has to wait; "obstacle": look.obstacle says it.
    accepts: a person's untick is taken as one.
    tell, about: as in Answer; `about` names what decide.py knows.
    """

    number: int
    box: bool | None
    flags: str
    needs: str = ""
    lacks: str = ""
    act: str = shapes.NOTHING
    tell: str = ""
    about: str = ""
    pending: str = ""
    accepts: bool = False


_ANY = "on off never unknown"
_OFF = "off never"

TABLE = (
    # What the bridge has nothing to do with.
    Row(28, True, _ANY, "not-data", tell="type"),
    Row(28, False, _ANY, "not-data"),
    Row(18, True, _ANY, "foreign", tell="foreign"),
    Row(23, False, "on", "foreign", tell="foreign"),
    Row(23, False, _ANY, "foreign"),
    # No host can tell, or do anything.
    Row(
        17,
        True,
        "off never unknown",
        "obstacle no-plugin",
        tell="no-plugin",
        about="since",
        pending="obstacle",
    ),
    Row(17, True, "off never unknown", "obstacle", pending="obstacle"),
    Row(
        15,
        True,
        "unknown",
        "long",
        tell="unknown",
        about="unknown",
        pending="unknown",
    ),
    Row(15, True, "unknown", pending="unknown"),
    Row(16, False, "unknown"),
    # Both are on, or both are off.
    Row(2, True, "on", "overwritten", tell="overwritten", about="overwritten"),
    Row(2, True, "on"),
    Row(14, False, _OFF, "was-on"),
    Row(1, False, _OFF),
    # The box is on, the flag is not.
    Row(
        27,
        True,
        _OFF,
        "hosted-engine",
        tell="hosted-engine",
        pending="hosted-engine",
    ),
    Row(25, True, _OFF, "master", "cleared", pending="master"),
    Row(25, True, _OFF, "master ticked", pending="master"),
    Row(7, True, "off", "new", tell="conflict", about="clear"),
    Row(
        4,
        True,
        _OFF,
        "write-back",
        act=shapes.SET,
        tell="write-back",
        about="since",
    ),
    Row(3, True, "never", "", "cleared", act=shapes.SET),
    Row(6, True, _OFF, "ticked", act=shapes.SET),
    Row(6, True, _OFF, "turning", pending="event"),
    Row(5, True, _OFF, tell="conflict", about="clear"),
    # The flag is on, the box is not, and the bridge has never seen it on.
    Row(
        27,
        False,
        "on",
        "refused",
        "was-on",
        act=shapes.TICK,
        tell="refused",
        about="stamp",
    ),
    Row(
        26,
        False,
        "on",
        "master",
        "was-on",
        act=shapes.TICK,
        tell="master",
        about="stamp",
    ),
    Row(
        33,
        False,
        "on",
        "replica",
        "was-on",
        act=shapes.TICK,
        tell="replica",
        about="stamp",
    ),
    Row(8, False, "on", "new", "was-on", act=shapes.TICK),
    Row(31, False, "on", "", "was-on", act=shapes.TICK),
    # It was on, and it went off: by whom?
    Row(13, False, "on", "accepted several", accepts=True),
    Row(10, False, "on", "accepted", accepts=True),
    Row(9, False, "on", "", "settled"),
    Row(
        13,
        False,
        "on",
        "others several",
        tell="untick",
        about="edit",
        accepts=True,
    ),
    Row(
        27,
        False,
        "on",
        "refused others soon",
        act=shapes.TICK,
        tell="refused",
        about="stamp",
    ),
    Row(
        26,
        False,
        "on",
        "master others soon",
        "repeated",
        act=shapes.TICK,
        tell="master",
        about="stamp",
    ),
    Row(11, False, "on", "others soon", "repeated", act=shapes.TICK),
    Row(10, False, "on", "others word", act=shapes.CLEAR),
    Row(10, False, "on", "others", tell="untick", about="edit", accepts=True),
    Row(
        27,
        False,
        "on",
        "refused",
        act=shapes.TICK,
        tell="refused",
        about="stamp",
    ),
    Row(
        26,
        False,
        "on",
        "master",
        "repeated",
        act=shapes.TICK,
        tell="master",
        about="stamp",
    ),
    Row(12, False, "on", "ours", "repeated", act=shapes.TICK),
    Row(9, False, "on", "", "repeated", act=shapes.TICK),
    Row(10, False, "on", tell="untick", about="edit", accepts=True),
)
