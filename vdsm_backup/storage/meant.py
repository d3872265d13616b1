# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which of the domains that were found is meant by its UUID, by its name, or by
the beginning of its UUID, and what to say if that is none, or not certain.

A UUID is never taken for a name. What is the name of one domain, and what the
UUID of another one begins with, means neither of them. Of the beginning of a
UUID upper and lower case are the same, as of a UUID, and so they are where a
domain is named so. Any other name is exact.
"""

from __future__ import annotations

import shlex

from vdsm_backup import errors
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import SHORTEST, begins_uuid, is_uuid, listed, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Sequence

    from vdsm_backup.storage.base import Storage
    from vdsm_backup.storage.sources import Failure, Found


class Meant:
    """
    Says of each storage whether it may be meant; then sift() knows which are.

    is_uuid: whether no storage has to be read for that.
    """

    def __init__(self, domain: str) -> None:
        self._domain = domain
        self.is_uuid = is_uuid(domain)
        start = domain.lower()
        self._beginning = start if begins_uuid(start) else ""
        # Too short to mean a domain.
        short = not self._beginning and begins_uuid(start, 1)
        self._start = start if short else ""
        self._started: list[str] = []
        self._named: list[Storage] = []

    def __call__(self, storage: Storage) -> bool:
        """
        Raises what name_of() does, if the name of the storage may be that.
        """
        if self.is_uuid:
            return storage.sd_id == self._domain
        begins = self._begins(storage.sd_id)
        self._note_start(storage.sd_id)
        try:
            named = is_name(self._domain, name_of(storage))
        except errors.Error:
            # It is meant, whatever its name is.
            if begins:
                return True
            raise
        if named:
            self._named.append(storage)
        return begins or named

    def sift(self, found: list[Storage], failures: list[Failure]) -> Found:
        """
        Those of the storages that are meant, and the failures in which a
        domain is that may be meant, too.
        """
        if self.is_uuid:
            mine = (None, self._domain)
            return found, [f for f in failures if f.sd_id in mine]
        for failure in failures:
            self._note_start(failure.sd_id or "")
        if found:
            failures = [f for f in failures if self._may_be(f)]
        return found, failures

    def _may_be(self, failure: Failure) -> bool:
        """Whether a failure is in doubt where a domain was found."""
        nameless = getattr(failure.error, "is_nameless", False)
        return not nameless or self._is(failure.sd_id or "")

    def one(
        self,
        found: list[Storage],
        failures: list[Failure],
        command: str = "",
    ) -> Storage:
        """
        The storage that is meant, of what sift() gives. Raises and command: as
        Discovery.find().
        """
        if len(found) > 1:
            both = 0 < len(self._named) < len(found)
            shown = self._why_meant if both else _place
            raise ambiguous(self._domain, found, command, shown)
        self.require_certain(found, failures)
        return found[0]

    def require_certain(
        self, found: Sequence[Storage], failures: Sequence[Failure]
    ) -> None:
        """
        Raises what Discovery.find() does but AmbiguousDomain.

        found, failures: of sift().
        """
        domain = printable(self._domain)
        unsure = not self.is_uuid or not found
        for failure in failures if unsure else ():
            if isinstance(failure.error, errors.NeedsRoot):
                raise failure.error
        if not found:
            for failure in failures:
                if failure.sd_id and self._is(failure.sd_id):
                    raise failure.error
            if failures:
                unread = _where_it_may_be(failures)
                unseen = errors.DomainUnseen(domain, unread)
                unseen.opening = _opening(failures)
                unseen.too_short = self.too_short()
                raise unseen
            nowhere = errors.DomainNotFound(domain)
            nowhere.too_short = self.too_short()
            raise nowhere
        if failures and not self.is_uuid:
            named = found[0] in self._named
            why = "has this name" if named else "begins so"
            error = errors.DomainUncertain(
                domain, found[0].sd_id, why, _unread(failures)
            )
            error.opening = _opening(failures)
            raise error

    def _is(self, sd_id: str) -> bool:
        return sd_id == self._domain or self._begins(sd_id)

    def _why_meant(self, storage: Storage) -> str:
        named = storage in self._named
        why = "its name is that" if named else "its UUID begins so"
        return f"{_place(storage)} ({why})"

    def _note_start(self, sd_id: str) -> None:
        if self._start and sd_id.startswith(self._start):
            self._started.append(sd_id)

    def too_short(self) -> errors.TooShort | None:
        """What to say of a beginning that is too short to mean a domain."""
        if not self._started:
            return None
        return errors.TooShort(self._started, SHORTEST)

    def _begins(self, sd_id: str) -> bool:
        return bool(self._beginning) and sd_id.startswith(self._beginning)


def _opening(failures: Sequence[Failure]) -> list[str]:
    """What to do on servers that let us in nowhere. Each once."""
    hints: dict[str, None] = {}
    for failure in failures:
        error = failure.error
        if isinstance(error, errors.MetadataUnreadable) and error.is_closed:
            hints.update(dict.fromkeys(error.hint_lines()))
    return list(hints)


def _where_it_may_be(failures: Sequence[Failure]) -> str:
    domains, places = _texts(failures)
    texts = []
    if domains:
        texts.append(
            "The names of these domains could not be read, it may be one of"
            f" them: {listed(domains)}"
        )
    if places:
        texts.append(
            "These places could not be searched, it may be there:"
            f" {listed(places)}"
        )
    return ". ".join(texts)


def _unread(failures: Sequence[Failure]) -> str:
    domains, places = _texts(failures)
    texts = []
    if domains:
        what = "the name of 1 domain"
        if len(domains) > 1:
            what = f"the names of {len(domains)} domains"
        texts.append(f"{what} cannot be read: {listed(domains)}")
    if places:
        what = "1 place" if len(places) == 1 else f"{len(places)} places"
        texts.append(f"{what} cannot be searched: {listed(places)}")
    return "; ".join(texts)


def _texts(failures: Sequence[Failure]) -> tuple[list[str], list[str]]:
    """What to say of (domains, places), each once."""
    domains, places = {}, {}
    for failure in failures:
        error = failure.error
        if failure.sd_id:
            text = f"{failure.sd_id} (error {error.code})"
            domains[failure.sd_id] = text
        else:
            source = printable(failure.source)
            why = printable(error.in_brief())
            places[source] = f"{source} (error {error.code}: {why})"
    return list(domains.values()), list(places.values())


def _place(storage: Storage) -> str:
    return printable(storage.found_at)


def ambiguous(
    domain: str,
    found: list[Storage],
    command: str = "",
    shown: Callable[[Storage], str] = _place,
) -> errors.AmbiguousDomain:
    """
    The error that a domain was found in several places. command: as of
    Discovery.find(). shown: what is said of each.
    """
    places = listed(map(shown, found))
    error = errors.AmbiguousDomain(printable(domain), places)
    ids = sorted({storage.sd_id for storage in found})
    if len(ids) > 1:
        error.way_out = (
            "look at each, then use the UUID of the one that you mean:"
            f" vdsm-backup-domain show {' '.join(ids)}"
        )
        return error
    first, *others = found
    try:
        same = [first.is_same(other) for other in others]
    except errors.Error as e:
        error.way_out = f"whether they are one storage is not known: {e}"
        return error
    if False in same:
        error.show(
            [_option(storage) for storage in found],
            "they are copies, a replica beside its origin for example:"
            " disconnect the one you do not mean",
        )
        return error
    command = command or f"vdsm-backup-domain show {first.sd_id}"
    command += f" --path {shlex.quote(first.found_at)}"
    if None in same:
        error.way_out = (
            "if they are one storage, which is checked then, name one of them:"
            f" {command}"
        )
    else:
        error.way_out = f"they are one storage, name one of them: {command}"
    return error


def _option(storage: Storage) -> tuple[str, str]:
    """The option by which `show` shows this one alone, and its value."""
    if storage.device:
        return "--device", storage.device
    if storage.kind == "block":
        return "--device", "DEV"
    return "--path", shlex.quote(storage.found_at)


def is_name(sd: str, name: str) -> bool:
    """Whether SD, which is no UUID, may mean a domain of this name."""
    return name == sd or (
        begins_uuid(sd.lower()) and name.lower() == sd.lower()
    )


def name_of(storage: Storage) -> str:
    """
    The domain's name by the last scan. Raises what read() does, and
    NotMetadata if there is no name: the domain may have had any.
    """
    name = md_lines.parse(storage.last_scan()).values.get("DESCRIPTION")
    if name is None:
        raise errors.NotMetadata(storage.sd_id, "it has no name (DESCRIPTION)")
    return name
