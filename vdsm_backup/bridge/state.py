# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the bridge remembers, in one small file.

A new state is written into a file beside the old one, synced, and put in its
place; then the directory is synced. So a bridge that is killed at any point,
or a machine that loses power, leaves the old state or the new one. `save()`
comes before an act, so that the next bridge knows what the last one may have
done.

The bridge works without a state, too: then it sees each domain for the first
time. So a file that cannot be understood is set aside, and that is told.

An epoch is a sequence of events of the engine, from one restore of its
database to the next. Its number is larger than any before, also when the state
was lost: what was reported in an earlier epoch must not look the same.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors
from vdsm_backup.bridge import shapes
from vdsm_backup.bridge.shapes import Edit, Memory
from vdsm_backup.text import is_uuid, printable

if TYPE_CHECKING:
    from typing import Any

PATH = "/var/lib/vdsm-backup/bridge/state.json"

SCHEMA = 1

# Bytes of the file. A domain takes a few hundred, and 7000 with all that can
# be remembered of it.
_MAX_SIZE = 8 * 1024 * 1024

# What an operating system answers if the path is not what it should be.
_NO_FILE = (errno.ELOOP, errno.EISDIR, errno.ENXIO)


class Anchor(NamedTuple):
    """
    The newest event of the engine that was seen. By it the bridge knows the
    sequence again: a restored engine has another event with this index, or
    none.

    number: its index.
    time: in milliseconds since the epoch, as the engine has it.
    """

    number: int
    time: int
    code: int


class State(NamedTuple):
    """
    epoch: number of the sequence of events; 0: none was seen.
    anchor: None: the engine had no event.
    domains: what is remembered, by UUID.
    """

    epoch: int = 0
    anchor: Anchor | None = None
    domains: dict[str, Memory] = {}


def next_epoch(state: State, now: float) -> int:
    """The number of a new epoch. now: seconds since the epoch of Unix."""
    return max(state.epoch + 1, int(now))


class StateFile:
    """
    The file with the state of a bridge. One process at a time has it.

        with StateFile(path) as file:
            state, note = file.load()
            file.save(state)
    """

    def __init__(self, path: str = PATH) -> None:
        self._path = path
        self._new = f"{path}.new"
        self._lock: int | None = None

    def __enter__(self) -> StateFile:
        """
        Raises BridgeRuns if another process has the file, and BridgeState if
        the directory cannot be used.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._using():
            self._lock = os.open(f"{self._path}.lock", flags, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.__exit__()
                raise errors.BridgeRuns(printable(self._path))
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def load(self, set_aside: bool = True) -> tuple[State, str]:
        """
        The state, and a note: why there is none, "" if there is one.

        set_aside: whether a file that cannot be understood gets another name.

        Raises BridgeState if the file is there and cannot be read.
        """
        try:
            data = self._read()
        except FileNotFoundError:
            return State(), "there is no state yet"
        reason = "it is too large"
        if data is not None:
            try:
                return _from_json(_parsed(data)), ""
            except RecursionError:
                reason = "it is nested too deeply"
            except (ValueError, TypeError, KeyError) as e:
                reason = printable(str(e))
        if not set_aside:
            return State(), f"the state is broken ({reason})"
        return State(), self._set_aside(reason)

    def save(self, state: State) -> None:
        """Onto the disk. Raises BridgeState; the old state is there then."""
        data = json.dumps(_to_json(state), separators=(",", ":")).encode()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with self._using():
            # A bridge that was killed has left it.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._new)
            fd = os.open(self._new, flags | os.O_CLOEXEC, 0o600)
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(fd, view) :]
                os.fsync(fd)
            finally:
                os.close(fd)
            self._replace(self._new, self._path)

    def _replace(self, source: str, target: str) -> None:
        """Rename, and have the name on disk."""
        os.rename(source, target)
        directory = os.path.dirname(self._path) or "."
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _read(self) -> bytes | None:
        """The file, None if it is too large. Raises FileNotFoundError."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with self._using():
            fd = os.open(self._path, flags)
            with open(fd, "rb") as f:
                data = f.read(_MAX_SIZE + 1)
        return data if len(data) <= _MAX_SIZE else None

    def _set_aside(self, reason: str) -> str:
        aside = f"{self._path}.broken"
        with self._using():
            self._replace(self._path, aside)
        return f"the state is broken ({reason}), and is kept as {aside}"

    @contextlib.contextmanager
    def _using(self) -> Any:
        try:
            yield
        except FileNotFoundError as e:
            if e.filename == self._path:
                raise
            raise errors.BridgeState(self._path, e.strerror)
        except OSError as e:
            reason = e.strerror or str(e)
            if e.errno in _NO_FILE:
                reason = "it is no regular file"
            raise errors.BridgeState(self._path, reason)


def _parsed(data: bytes) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no number")

    return json.loads(data, parse_constant=refuse)


def _to_json(state: State) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "epoch": state.epoch,
        "anchor": state.anchor,
        "domains": {
            sd_id: memory._asdict()
            for sd_id, memory in sorted(state.domains.items())
        },
    }


def _from_json(data: Any) -> State:
    """Raises ValueError, TypeError or KeyError if this is no state."""
    found = _dict("state", data)
    if found["schema"] != SCHEMA:
        raise ValueError(f"its schema is {found['schema']!r}, not {SCHEMA}")
    domains = {}
    for sd_id, fields in _dict("domains", found["domains"]).items():
        if not is_uuid(sd_id):
            raise ValueError(f"{sd_id!r} is no UUID")
        domains[sd_id] = _memory(_dict(sd_id, fields))
    anchor = found["anchor"]
    if anchor is not None:
        anchor = Anchor(*(_typed("anchor", n, int) for n in anchor))
    return State(_typed("epoch", found["epoch"], int), anchor, domains)


# Types of the fields of a Memory, and those that may be None.
_TYPES: dict[str, type | tuple[type, ...]] = {
    "epoch": int,
    "newest": int,
    "imported": int,
    "looks": int,
    "box": bool,
    "flag": str,
    "stamp": str,
    "since": (int, float),
    "polls": int,
    "unknown_since": (int, float),
    "seen_on": int,
    "seen_off": int,
    "comment": str,
    "off_comment": str,
    "off_stamp": str,
    "was_off": bool,
    "ticked_at": (int, float),
    "ticked": bool,
    "unsure": bool,
    "repeated": bool,
    "accepted": bool,
    "hosted_engine": bool,
    "not_allowed": bool,
    "tries": int,
    "retry_at": (int, float),
}
_MAY_BE_NONE = {
    name for name, default in Memory._field_defaults.items() if default is None
}
_TEXTS = {"old", "told"}
_FLAGS = {shapes.ON, shapes.OFF, shapes.NEVER, shapes.UNKNOWN}


def _memory(fields: dict[str, Any]) -> Memory:
    """A field that an older bridge has not written has its default."""
    checked: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "edits":
            checked[name] = tuple(_edit(edit) for edit in value)
        elif name in _TEXTS:
            checked[name] = tuple(_typed(name, text, str) for text in value)
        elif value is None and name in _MAY_BE_NONE:
            checked[name] = None
        else:
            checked[name] = _typed(name, value, _TYPES[name])
    made = Memory(**checked)
    if made.flag not in _FLAGS or made.tries < 0:
        raise ValueError(f"flag {made.flag!r}, tries {made.tries}")
    return made


def _edit(value: Any) -> Edit:
    number, time, user, ours = value
    return Edit(
        _typed("number", number, int),
        _typed("time", time, int),
        _typed("user", user, str),
        _typed("ours", ours, bool),
    )


def _dict(name: str, value: Any) -> dict[str, Any]:
    checked: dict[str, Any] = _typed(name, value, dict)
    return checked


def _typed(name: str, value: Any, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(value, kind) or (
        # True is an int for Python, and no number for us.
        isinstance(value, bool)
        and kind is not bool
    ):
        raise TypeError(f"{name} is {value!r}")
    return value


def forget(state: State, listed: set[str]) -> State:
    """
    Without the domains that the engine does not have any more.

    listed: UUIDs of all that it has.
    """
    kept = {s: m for s, m in state.domains.items() if s in listed}
    return state._replace(domains=kept)


def renew(state: State, epoch: int) -> State:
    """
    As the first state of an epoch: what is remembered of domains belongs to
    an earlier one, and decide() sees that by the number.
    """
    return state._replace(epoch=epoch, anchor=None)
