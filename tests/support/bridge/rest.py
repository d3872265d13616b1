# SPDX-License-Identifier: GPL-2.0-or-later
"""The REST API of an engine by plain HTTPS, without the SDK."""

import http.client
import json
import ssl
import time
import urllib.parse
from typing import NamedTuple
from xml.etree import ElementTree

from tests.support.closing import Closing

# Seconds for a call.
TIMEOUT = 60

# Seconds after which a connection is not used again: Apache closes one after
# five.
IDLE = 2

SCOPE = "ovirt-app-api"

_ROOT = "/ovirt-engine"


class Reply(NamedTuple):
    status: int
    headers: dict
    body: bytes

    @property
    def xml(self):
        return ElementTree.fromstring(self.body)

    @property
    def json(self):
        return json.loads(self.body)


class Rest(Closing):
    """
    url: of the API. ca_file: "": the CAs of this machine. token: of a session;
    login() gets one.
    """

    def __init__(self, url, ca_file, token=""):
        parts = urllib.parse.urlsplit(url)
        self._path = parts.path.rstrip("/")
        self._connection = http.client.HTTPSConnection(
            parts.hostname,
            parts.port,
            timeout=TIMEOUT,
            context=ssl.create_default_context(cafile=ca_file or None),
        )
        self._used = time.monotonic()
        self.token = token

    def close(self):
        """Of the session nothing ends here: logout() does that."""
        self._connection.close()

    def login(self, user, password):
        """The reply; the session is that of what comes."""
        form = {
            "grant_type": "password",
            "scope": SCOPE,
            "username": user,
            "password": password,
        }
        reply = self._form(f"{_ROOT}/sso/oauth/token", form)
        if reply.status == 200:
            self.token = reply.json["access_token"]
        return reply

    def logout(self, token=""):
        form = {"scope": SCOPE, "token": token or self.token}
        return self._form(f"{_ROOT}/services/sso-logout", form)

    def get(self, path, **query):
        return self.call("GET", path, query=query)

    def call(self, method, path, body=None, correlation="", query=None):
        """body: XML as text. correlation: "": none is sent."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/xml",
            "Version": "4",
        }
        if correlation:
            headers["Correlation-Id"] = correlation
        if body is not None:
            headers["Content-Type"] = "application/xml"
        path = f"{self._path}/{path}"
        if query:
            path += f"?{urllib.parse.urlencode(query)}"
        return self._send(method, path, body, headers)

    def _form(self, path, form):
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        return self._send("POST", path, urllib.parse.urlencode(form), headers)

    def _send(self, method, path, body, headers):
        data = None if body is None else body.encode()
        if time.monotonic() - self._used > IDLE:
            # The engine may have closed it; the next request makes another.
            self._connection.close()
        self._connection.request(method, path, data, headers)
        self._used = time.monotonic()
        got = self._connection.getresponse()
        return Reply(got.status, dict(got.getheaders()), got.read())
