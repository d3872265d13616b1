# SPDX-License-Identifier: GPL-2.0-or-later
"""What one look at a domain has seen, of both sides. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup.bridge import events, flags, inventory, shapes

if TYPE_CHECKING:
    from vdsm_backup.bridge import entities


def look(
    domain: entities.Domain,
    found: inventory.Inventory,
    place: inventory.Place,
    seen: flags.Seen,
    news: events.News,
    now: float,
    met: str,
) -> shapes.Look:
    """
    seen: its flag. now: seconds since the epoch, when the round began.
    met: an obstacle that the last act has met and that still counts, or "".
    """
    centers = domain.data_centers
    foreign = bool(seen.pool and centers and seen.pool not in centers)
    return shapes.Look(
        epoch=news.state.epoch,
        newest=news.newest,
        edits=events.edits(news, domain.id),
        imported=events.imported(news, domain.id),
        box=None if found.is_locked(domain.id) else domain.box,
        comment=domain.comment,
        flag=seen.flag,
        stamp=seen.stamp,
        now=now,
        is_data=domain.kind == inventory.DATA,
        is_master=domain.is_master,
        foreign=foreign or met == flags.FOREIGN,
        obstacle=place.obstacle or met,
        replica=seen.replica,
    )
