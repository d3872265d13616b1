# SPDX-License-Identifier: GPL-2.0-or-later
"""
A session with an engine, and what becomes of a call that fails.

After an error of the connection a new one is made, with the session that is
there. Each login is an event in the engine, so one session is kept for long;
the engine ends one that was idle for 30 minutes, and then the SDK logs in
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ovirtsdk4
import pycurl

from vdsm_backup import errors
from vdsm_backup.bridge.connection import Connection
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

# Seconds for one call.
TIMEOUT = 30

# Seconds for the end of a session, which is no more than polite.
_LOGOUT = 5


class Session:
    """
    A session.

    url: of its API, https://engine.example.com/ovirt-engine/api
    password: asked for at each new connection, so that a new one is used.
    ca_file: with the CA of the engine; None: those of this machine.
    timeout: seconds for each call.
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
        self._open: Connection | None = None

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

    def ask(
        self, what: str, call: Callable[[Any], Any], read: Callable[[Any], T]
    ) -> T:
        """
        What the engine answers to a call of the SDK.

        what: is asked of the engine. call: takes the service of the SDK that
        has all others. read: takes the answer; raises ValueError if it is
        none.

        Raises EngineUnreachable, EngineLogin, and EngineRefused.
        """
        found = self._answer(what, call)
        try:
            return read(found)
        except ValueError as e:
            raise self._unreadable(what, e)

    def _unreadable(self, what: str, e: Exception) -> errors.Error:
        reason = f"its answer to `{what}` is none of an engine: {_words(e)}"
        return errors.EngineUnreachable(self._url, reason)

    def _answer(self, what: str, call: Callable[[Any], Any]) -> Any:
        try:
            return call(self._connection().system_service())
        except ovirtsdk4.AuthError as e:
            # With a fault it is this call that is not allowed: the role is on
            # other data centers. Without one it is the session.
            if e.fault:
                raise _refused(what, e)
            self._drop(session=True)
            raise errors.EngineLogin(self._url, _words(e))
        except ovirtsdk4.Error as e:
            if e.code and 400 <= e.code < 500:
                raise _refused(what, e)
            self._drop()
            raise errors.EngineUnreachable(self._url, _words(e))
        except KeyboardInterrupt:
            # Who ends us does not wait for the end of the session, too.
            self._open = self._token = None
            raise
        except Exception as e:
            if not _is_of_an_answer(e):
                raise
            self._drop()
            raise self._unreadable(what, e)

    def _connection(self) -> Connection:
        if self._open is None:
            opened = Connection(
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


def _is_of_an_answer(error: Exception) -> bool:
    """
    Whether the SDK raises this for an answer that it cannot read: exactly
    Exception where it is no XML (ext/ov_xml_reader.c), ValueError for the text
    of a field, IndexError for a time without text. All else is a fault in a
    call of ours.
    """
    return type(error) is Exception or isinstance(
        error, (ValueError, IndexError)
    )


def _refused(what: str, error: Any) -> errors.Error:
    words = error.fault.detail if error.fault else None
    return errors.EngineRefused(
        what, error.code, printable(words or str(error))
    )


def _words(error: Exception) -> str:
    return printable(str(error))
