# SPDX-License-Identifier: GPL-2.0-or-later
"""
The SDK's connection to an engine, each call of which ends within the timeout.

The SDK itself sets none for the calls that log in and out.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import ovirtsdk4
import pycurl

if TYPE_CHECKING:
    from typing import Any

# Seconds after which a signal is heard at last.
_SIGNALS = 1.0

# HTTP's codes for who may not do this, or is nobody.
_REFUSED = (401, 403)


class Connection(ovirtsdk4.Connection):
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
        except (ValueError, RecursionError):
            is_answer = False
        if not is_answer:
            raise ovirtsdk4.Error(f"the login answers {code} and no JSON")
        return found

    def check_xml_content_type(self, response: Any) -> None:
        """
        The engine refuses a session by a page of HTML, of which the SDK says
        no more than that it is no XML.
        """
        try:
            super().check_xml_content_type(response)
        except ovirtsdk4.Error:
            if response.code not in _REFUSED:
                raise
            raise ovirtsdk4.AuthError(f"the engine answers {response.code}")

    def _get_header_value(self, headers: Any, name: str) -> str:
        """ "" if there is no such header: the SDK looks for a type in it."""
        return super()._get_header_value(headers, name) or ""


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
