# SPDX-License-Identifier: GPL-2.0-or-later
"""
Following links by companions (processes/companion.py), on mounts that may
hang: in place of scripts, where this process is ours to be forked.

A companion is forked when the paths are known, so it knows them, too. There is
one that is our effective user; and if we were started as root, another one
that is root.
"""

from __future__ import annotations

import contextlib
import os
import time

from vdsm_backup.processes import companion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Sequence

    from vdsm_backup.processes import companion_child

# The call of a companion. Its data are the number of the paths of one mount.
FOLLOW = "follow"


class Companions:
    """
    Those that follow links. paths: those of each mount, as they are asked for.
    """

    def __init__(self, paths: Iterable[Sequence[str]]) -> None:
        self._paths = [list(of_one) for of_one in paths]
        self._children: list[companion.Companion] = []

    @property
    def calls(self) -> companion_child.Calls:
        """What a companion is to do for us; nothing if there are no paths."""
        return {FOLLOW: self._follow} if self._paths else {}

    def use(self, user: companion.Companion) -> None:
        """
        user: the companion that does the calls as our effective user. That of
        root is started here, if there has to be one.
        """
        children = [user]
        # Without it there are scripts.
        with contextlib.suppress(OSError):
            if self._paths and os.getuid() == 0 != os.geteuid():
                children.append(companion.start(self.calls, as_root=True))
            self._children = children

    def ask(self, paths: Sequence[str], timeout: float) -> list[Followed]:
        """
        What the companions have met on the ways of these paths of one mount,
        within this many seconds. Empty if there are no companions.
        """
        if not self._children:
            return []
        deadline = time.monotonic() + timeout
        number = str(self._paths.index(list(paths))).encode("ascii")
        found = [Followed(each, number, deadline) for each in self._children]
        for each in found:
            each.read()
        return found

    def _follow(self, data: bytes, say: companion_child.Say) -> bytes:
        """In the child."""
        from vdsm_backup.vm import resolve_links

        def say_line(line: dict[str, str]) -> None:
            # No name has a NUL in it.
            path = line.pop("path")
            for kind, text in line.items():
                say(b"\0".join(map(os.fsencode, (path, kind, text))))

        resolve_links.follow(self._paths[int(data)], say_line)
        return b""


class Followed:
    """
    What one companion has met.

    lines: of resolve_links.py. ended: no more can come.
    """

    def __init__(
        self, by: companion.Companion, number: bytes, deadline: float
    ) -> None:
        self.lines: list[dict[str, str]] = []
        self.ended = False
        self._deadline = deadline
        self._asked: companion.Asked | None = None
        try:
            self._asked = by.ask(FOLLOW, number, deadline)
        except companion.Gone:
            self.ended = True
        except companion.Late:
            pass

    def read(self) -> None:
        """Until the call or the time is over."""
        if self._asked is None:
            return
        with self._asked:
            try:
                more = True
                while more:
                    more, data = self._asked.next(self._deadline)
                    if more:
                        self._add(data)
                self.ended = True
            except companion.Late:
                pass
            except (companion.Gone, OSError):
                self.ended = True

    def _add(self, data: bytes) -> None:
        path, kind, text = map(os.fsdecode, data.split(b"\0"))
        self.lines.append({"path": path, kind: text})
