# SPDX-License-Identifier: GPL-2.0-or-later
"""
A stand-in for an engine: its REST API over HTTPS, as far as the bridge uses
it.

It answers as the engine's sources say (ovirt-engine 4.5.7, below
backend/manager/modules: restapi/jaxrs/.../resource/Backend*.java,
restapi/types/.../StorageDomainMapper, EventMapper and HostMapper,
bll/storage/domain/UpdateStorageDomainCommand, searchbackend/SyntaxChecker,
enginesso/.../OAuthTokenServlet):

- A status other than `unattached` is there below a data center only.
- PUT exists only outside of it. It writes the whole row as it was read before,
  ticks nothing while a VM runs on the domain or it is locked (409), and its
  event 958 comes after it. 958 never says what was changed.
- Events are answered newest first, at most `max`, above `from`; those that
  somebody has dismissed are in no list. An event that was added twice (origin
  and custom id) is refused with 400.
- A token that is not known or has expired is answered with 401.

What no stand-in can show, and only a real engine can confirm:

| what | why |
|---|---|
| which role permits what | permissions are not simulated |
| the login of Keycloak | only that of the engine's own SSO is here |
| that an index is given before the commit | a test says `late` |
| statuses and words of other refusals | these are read from code |
| how long a token lives, what locks an account | a test says `expire()` |
| the time of a call with thousands of rows | there is no database |
| the SQL of `from` and `max` together | it is read from code |
| what a proxy adds: gzip, redirects, its own pages | faults are examples |
| `follow=cluster` without rights on the cluster | read from the API's model |
"""

import contextlib
import http.server
import json
import re
import ssl
import threading
import time
import urllib.parse
import uuid
from xml.etree import ElementTree

from tests.support.bridge.engine_api import USER, Request, answer
from tests.support.bridge.engine_things import Event
from tests.support.bridge.engine_xml import API, fault

PASSWORD = "p\N{LATIN SMALL LETTER U WITH DIAERESIS}ss & word"


class StandIn:
    """
    domains, data_centers, hosts, events: what it has; a test may change it.
    requests: (method, path with query, correlation id) of all calls.
    bodies: of PUT and POST, as they came.
    faults: {path pattern: fault}; each call that fits has the fault. A fault
        is a status (500, 502, ...), or "hang", "garbage", "html", "cut",
        "close", "no type", "empty", seconds for a slow answer, bytes to
        answer, or a function that changes the XML of the answer.
    """

    def __init__(self, ca, cert):
        self.ca_file = ca
        self.domains = []
        self.data_centers = []
        self.hosts = []
        self.events = []
        self.requests = []
        self.bodies = []
        self.faults = {}
        self.tokens = set()
        self.index = 100
        self.lock = threading.RLock()
        self.stopped = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert)
        self._server = _Server(("localhost", 0), _Handler)
        self._server.engine = self
        self._server.context = context
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"https://localhost:{self._server.server_port}{API}"

    def stop(self):
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # What people do

    def add_event(self, code, **more):
        with self.lock:
            self.index += 1
            now = time.time_ns() // 1_000_000
            event = Event(self.index, code, now, **more)
            self.events.append(event)
            return event

    def edit(self, domain, user="anna@internal", **fields):
        """Somebody edits a domain in the engine."""
        with self.lock:
            vars(domain).update(fields)
            return self.add_event(958, user=user, domain=domain)

    def expire(self):
        """The engine ends all sessions."""
        self.tokens.clear()

    def restore(self, backwards):
        """The database is one of some events ago, and has lost them."""
        with self.lock:
            self.index -= backwards
            self.events = [e for e in self.events if e.index <= self.index]

    def paths(self, method):
        return [path for m, path, _ in self.requests if m == method]


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def finish_request(self, request, client_address):
        # In the thread of the request: a handshake may take its time.
        try:
            wrapped = self.context.wrap_socket(request, server_side=True)
        except (OSError, ssl.SSLError):
            return
        with contextlib.suppress(OSError), wrapped:
            super().finish_request(wrapped, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self._serve()

    def do_PUT(self):
        self._serve()

    def do_POST(self):
        self._serve()

    def _serve(self):
        engine = self.server.engine
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        url = urllib.parse.urlsplit(self.path)
        correlation = self.headers.get("Correlation-Id", "")
        with engine.lock:
            engine.requests.append((self.command, self.path, correlation))
            if body:
                engine.bodies.append(body)
        fault = self._fault(engine, url.path)
        if fault == "close":
            self.close_connection = True
            return
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path.startswith(API):
            status, answer = self._api(engine, url.path, query, body)
        else:
            status, answer = self._sso(engine, url.path, body)
        self._send(status, answer, fault)

    def _fault(self, engine, path):
        for pattern, kind in engine.faults.items():
            if re.search(pattern, path):
                if kind == "hang":
                    engine.stopped.wait()
                    return "close"
                if isinstance(kind, float):
                    engine.stopped.wait(kind)
                    return None
                return kind
        return None

    def _send(self, status, answer, fault):
        kind = "application/json"
        if callable(fault):
            answer = fault(answer)
        if isinstance(answer, ElementTree.Element):
            kind = "application/xml;charset=UTF-8"
            data = b'<?xml version="1.0" encoding="UTF-8"?>'
            # An empty text is another thing than none.
            data += ElementTree.tostring(
                answer, short_empty_elements=not callable(fault)
            )
        else:
            data = json.dumps(answer).encode()
        if isinstance(fault, int) or fault == "html":
            status = fault if isinstance(fault, int) else 200
            kind, data = "text/html", b"<html><body>Sorry</body></html>"
        elif fault == "empty":
            data = b""
        elif isinstance(fault, bytes):
            data = fault
        elif fault == "garbage":
            data = data[: len(data) // 2] + b"<<<\0"
        self.send_response(status)
        if fault != "no type":
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if fault == "cut":
            data = data[: len(data) // 2]
            self.close_connection = True
        self.wfile.write(data)

    # The SSO

    def _sso(self, engine, path, body):
        form = dict(urllib.parse.parse_qsl(body))
        if path == "/ovirt-engine/services/sso-logout":
            engine.tokens.discard(form.get("token"))
            return 200, {}
        assert path == "/ovirt-engine/sso/oauth/token", path
        given = form.get("username"), form.get("password")
        if form.get("grant_type") != "password" or given != (USER, PASSWORD):
            return 400, {
                "error_code": "access_denied",
                "error": "Cannot authenticate user 'x@internal'",
            }
        token = uuid.uuid4().hex
        engine.tokens.add(token)
        engine.add_event(30, user=USER)
        return 200, {
            "access_token": token,
            "scope": "ovirt-app-api",
            "exp": "9223372036854775807",
            "token_type": "bearer",
        }

    # The API

    def _api(self, engine, path, query, body):
        token = self.headers.get("Authorization", "").partition("Bearer ")[2]
        if token not in engine.tokens:
            return 401, fault("Unauthorized", "The session is not valid.")
        correlation = self.headers.get("Correlation-Id", "")
        request = Request(query, body, correlation)
        return answer(engine, self.command, path[len(API) :], request)
