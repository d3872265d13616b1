# SPDX-License-Identifier: GPL-2.0-or-later
"""
The engine, by its REST API and the engine's own SDK (ovirtsdk4).

All that the bridge asks of an engine is here: what it has (storage domains,
data centers, hosts and their hooks, events), and two things that it does: it
ticks the Backup box of a domain, and it tells people by an event.

Every call ends within the timeout, also those that log in and out: the SDK
itself sets none for these. After an error of the connection a new one is
made, with the session that is there. Each login is an event in the engine, so
one session is kept for long; the engine ends one that was idle for 30 minutes,
and then the SDK logs in again.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import ovirtsdk4
import pycurl
from ovirtsdk4 import types

from vdsm_backup import errors
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

# Seconds for one call.
TIMEOUT = 30

# Seconds after which a signal is heard at last.
_SIGNALS = 1.0

# Seconds for the end of a session, which is no more than polite.
_LOGOUT = 5

# What correlation ids of a bridge begin with: an edit of a domain that has it
# was made by one, this or another.
PREFIX = "vdsm-backup-"

# Of the events by which the bridge tells people something. One (origin, custom
# id) is there once.
ORIGIN = "vdsm-backup-domain"

# HTTP's codes. The engine has 409 for what it refuses now, 400 for what it
# would never do.
_BAD_REQUEST = 400
_UNAUTHORIZED = (401, 403)


class Domain(NamedTuple):
    """
    A storage domain, as it is known outside of its data center.

    kind: as the engine has it: data, iso, export, image, ...
    data_centers: UUIDs of those that it is attached to. Only an ISO domain
        has several.
    rest: what else of the domain can be edited: whoever writes the box writes
        all of these as they were read.
    """

    id: str
    name: str
    comment: str
    box: bool
    kind: str
    is_master: bool
    data_centers: tuple[str, ...]
    rest: tuple[object, ...]


class DataCenter(NamedTuple):
    """status: up, maintenance, not_operational, ..."""

    id: str
    name: str
    status: str


class Host(NamedTuple):
    """
    data_center: its UUID, "" if the engine does not tell.
    is_spm: as the engine has it, also while the data center is not up.
    ssh_user, ssh_port, ssh_key, ssh_fingerprint: how the engine reaches the
        host, and by what it knows it. An engine has no key of a host that was
        added before 4.4: "" then.
    """

    id: str
    name: str
    address: str
    status: str
    data_center: str
    is_spm: bool
    ssh_user: str
    ssh_port: int
    ssh_key: str
    ssh_fingerprint: str


class Hook(NamedTuple):
    """A script in a directory of VDSM's hooks. checksum: SHA-256, in hex."""

    event_name: str
    name: str
    checksum: str


class Event(NamedTuple):
    """
    An event of the engine.

    number: its index.
    time: in milliseconds since the epoch.
    user, correlation, domain: "" if there is none. domain: the UUID.
    """

    number: int
    time: int
    code: int
    user: str
    correlation: str
    domain: str


class _Connection(ovirtsdk4.Connection):
    """A connection whose logins and logouts end within the timeout, too."""

    def hurry(self, timeout: int) -> None:
        """Another timeout for what comes."""
        self._timeout: int = timeout

    def _get_sso_response(self, url: str, params: Any = "") -> Any:
        answer = io.BytesIO()
        curl = pycurl.Curl()
        try:
            curl.setopt(pycurl.URL, url)
            curl.setopt(pycurl.POSTFIELDS, urlencode(params))
            curl.setopt(pycurl.HTTPHEADER, ["Accept: application/json"])
            curl.setopt(pycurl.TIMEOUT, self._timeout)
            # Without signals, which threads of others may use.
            curl.setopt(pycurl.NOSIGNAL, 1)
            if self._ca_file is not None:
                curl.setopt(pycurl.CAINFO, self._ca_file)
            curl.setopt(pycurl.WRITEDATA, answer)
            _perform(curl)
            code = curl.getinfo(pycurl.HTTP_CODE)
        finally:
            curl.close()
        try:
            found = json.loads(answer.getvalue())
            is_answer = isinstance(found, dict) and bool(
                {"error", self._sso_token_name} & found.keys()
                or url == self._sso_revoke_url
            )
        except ValueError:
            is_answer = False
        if not is_answer:
            raise ovirtsdk4.Error(f"the login answers {code} and no JSON")
        return found


def _perform(curl: Any) -> None:
    """
    As curl.perform(), and a signal is heard meanwhile: that is one call of C,
    which no handler of Python can interrupt.
    """
    multi = pycurl.CurlMulti()
    try:
        multi.add_handle(curl)
        active = 1
        while active:
            _, active = multi.perform()
            if active:
                multi.select(_SIGNALS)
        _, _, failed = multi.info_read()
        multi.remove_handle(curl)
        for _, number, words in failed:
            raise pycurl.error(number, words)
    finally:
        multi.close()


class Engine:
    """
    An engine.

    url: of its API, https://engine.example.com/ovirt-engine/api
    password: asked for at each new connection, so that a new one is used.
    ca_file: with the CA of the engine; None: those of this machine.
    timeout: seconds for each call.

    Methods raise EngineUnreachable, EngineLogin, and EngineRefused.
    """

    def __init__(
        self,
        url: str,
        user: str,
        password: Callable[[], str],
        ca_file: str | None = None,
        timeout: int = TIMEOUT,
    ) -> None:
        self._url = url
        self._user = user
        self._password = password
        self._ca_file = ca_file
        self._timeout = timeout
        self._token: str | None = None
        self._open: _Connection | None = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session. An engine that cannot be reached ends it itself."""
        connection, self._open = self._open, None
        if connection is not None:
            connection.hurry(_LOGOUT)
            try:
                connection.close()
            except (ovirtsdk4.Error, pycurl.error):
                connection.close(logout=False)
        self._token = None

    # What it has

    def domains(self) -> list[Domain]:
        found = self._ask(
            "list the storage domains",
            lambda system: system.storage_domains_service().list(),
        )
        return [_domain(each) for each in found]

    def domain(self, sd_id: str) -> Domain:
        """Raises EngineRefused, with code 404, if there is none."""
        found = self._ask(
            "show a storage domain",
            lambda system: system.storage_domains_service()
            .storage_domain_service(sd_id)
            .get(),
        )
        return _domain(found)

    def data_centers(self) -> list[DataCenter]:
        found = self._ask(
            "list the data centers",
            lambda system: system.data_centers_service().list(),
        )
        return [
            DataCenter(each.id, each.name or "", _value(each.status))
            for each in found
        ]

    def statuses(self, data_center: str) -> dict[str, str]:
        """
        The status of each domain that is attached to a data center: active,
        maintenance, locked, ... Outside of it the engine does not tell.
        """
        found = self._ask(
            "list the storage domains of a data center",
            lambda system: system.data_centers_service()
            .data_center_service(data_center)
            .storage_domains_service()
            .list(),
        )
        return {each.id: _value(each.status) for each in found}

    def hosts(self) -> list[Host]:
        found = self._ask(
            "list the hosts",
            lambda system: system.hosts_service().list(follow="cluster"),
        )
        return [_host(each) for each in found]

    def hooks(self, host: str) -> list[Hook]:
        found = self._ask(
            "list the hooks of a host",
            lambda system: system.hosts_service()
            .host_service(host)
            .hooks_service()
            .list(),
        )
        return [
            Hook(each.event_name or "", each.name or "", each.md5 or "")
            for each in found
        ]

    def events(self, most: int, after: int = 0) -> list[Event]:
        """
        The newest events, at most so many, whose index is larger than
        `after`. The newest one is first.
        """
        found = self._ask(
            "list the events",
            lambda system: system.events_service().list(
                max=most, **({"from_": after} if after > 0 else {})
            ),
        )
        events = [_event(each) for each in found]
        return sorted(events, reverse=True)

    def event(self, index: int) -> Event | None:
        """One event, also if somebody has dismissed it. None: it is gone."""
        try:
            found = self._ask(
                "show an event",
                lambda system: system.events_service()
                .event_service(str(index))
                .get(),
            )
        except errors.EngineRefused as e:
            if e.status == 404:
                return None
            raise
        return _event(found)

    # What it does

    def tick(self, sd_id: str, correlation: str) -> Domain:
        """
        Tick the Backup box. correlation: begins with PREFIX, 50 characters.

        Raises EngineRefused, with code 409, if a VM runs on the domain or it
        is locked.
        """
        # Nothing else, above all no storage: that would extend the domain.
        wanted = types.StorageDomain(backup=True)
        found = self._ask(
            "tick the Backup box",
            lambda system: system.storage_domains_service()
            .storage_domain_service(sd_id)
            .update(wanted, headers={"Correlation-Id": correlation}),
        )
        return _domain(found)

    def tell(
        self, sd_id: str, text: str, custom_id: int, warning: bool = True
    ) -> bool:
        """
        Add an event to those of the engine. custom_id: 31 bits.

        Returns False if there is one with this number already.
        """
        severity = types.LogSeverity
        event = types.Event(
            origin=ORIGIN,
            custom_id=custom_id,
            severity=severity.WARNING if warning else severity.NORMAL,
            description=text,
            storage_domain=types.StorageDomain(id=sd_id),
        )
        try:
            self._ask(
                "add an event",
                lambda system: system.events_service().add(event),
            )
        except errors.EngineRefused as e:
            # The words of the answer depend on the language; all else of the
            # event is as the engine wants it.
            if e.status == _BAD_REQUEST:
                return False
            raise
        return True

    def _ask(self, what: str, call: Callable[[Any], T]) -> T:
        try:
            return call(self._connection().system_service())
        except ovirtsdk4.AuthError as e:
            self._drop(session=True)
            raise errors.EngineLogin(self._url, _words(e))
        except ovirtsdk4.Error as e:
            if e.code and e.code < 500:
                fault = e.fault.detail if e.fault else None
                raise errors.EngineRefused(
                    what, e.code, printable(fault or str(e))
                )
            self._drop()
            raise errors.EngineUnreachable(self._url, _words(e))
        except KeyboardInterrupt:
            # Who ends us does not wait for the end of the session, too.
            self._open = self._token = None
            raise
        except Exception as e:
            # What the SDK raises for an answer that it cannot read: any.
            self._drop()
            raise errors.EngineUnreachable(
                self._url, f"{type(e).__name__}: {_words(e)}"
            )

    def _connection(self) -> _Connection:
        if self._open is None:
            opened = _Connection(
                url=self._url,
                username=self._user,
                password=self._password(),
                token=self._token,
                ca_file=self._ca_file,
                timeout=self._timeout,
            )
            self._token = opened.authenticate()
            self._open = opened
        return self._open

    def _drop(self, session: bool = False) -> None:
        """
        Make another connection for the next call: an error leaves a transfer
        in this one. The session stays, unless it is what failed.
        """
        connection, self._open = self._open, None
        if connection is not None:
            # The SDK may have got another one.
            self._token = connection.authenticate()
            connection.close(logout=False)
        if session:
            self._token = None


def _words(error: Exception) -> str:
    return printable(str(error))


def _value(enum: Any) -> str:
    return str(enum.value) if enum is not None else ""


def _domain(found: Any) -> Domain:
    return Domain(
        id=found.id,
        name=found.name or "",
        comment=found.comment or "",
        box=bool(found.backup),
        kind=_value(found.type),
        is_master=bool(found.master),
        data_centers=tuple(dc.id for dc in found.data_centers or ()),
        rest=(
            found.description or "",
            found.warning_low_space_indicator,
            found.critical_space_action_blocker,
            found.wipe_after_delete,
            found.discard_after_delete,
        ),
    )


def _host(found: Any) -> Host:
    cluster = found.cluster
    center = cluster.data_center if cluster is not None else None
    ssh = found.ssh
    user = ssh.user if ssh is not None else None
    return Host(
        id=found.id,
        name=found.name or "",
        address=found.address or "",
        status=_value(found.status),
        data_center=center.id if center is not None else "",
        is_spm=found.spm is not None and _value(found.spm.status) == "spm",
        ssh_user=(user.user_name if user is not None else None) or "root",
        ssh_port=(ssh.port if ssh is not None else None) or 22,
        ssh_key=(ssh.public_key if ssh is not None else None) or "",
        ssh_fingerprint=(ssh.fingerprint if ssh is not None else None) or "",
    )


def _event(found: Any) -> Event:
    # The attribute `index` has 32 bits in the engine, the id has all.
    return Event(
        number=int(found.id),
        time=round(found.time.timestamp() * 1000),
        code=found.code,
        user=(found.user.name if found.user is not None else None) or "",
        correlation=found.correlation_id or "",
        domain=(
            found.storage_domain.id
            if found.storage_domain is not None
            else None
        )
        or "",
    )
