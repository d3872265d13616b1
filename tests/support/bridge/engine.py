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
  somebody has dismissed are in no list, and still have an address. An event
  that was added twice (origin and custom id) is refused with 400.
- An event that was added has neither a user nor the correlation id of the
  call (BackendEventsResource).
- Of a correlation id 36 letters, digits, `_` and `-` are kept; a call without
  one gets one (CurrentFilter).
- A token that is not known or has expired is answered with 401, and a page of
  HTML (EnforceAuthFilter: sendError). What is not there is answered with 404
  and nothing (BaseBackendResource.handleError), and hooks of a host that is
  not there are an empty list (GetVdsHooksByIdQuery).

tests/engine runs against it and against a real engine. What no stand-in can
show is in docs/bridge.md, What only a real engine shows.
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

from tests.support.bridge.engine_api import (
    USER,
    Request,
    answer,
    correlation_id,
)
from tests.support.bridge.engine_things import Event
from tests.support.bridge.engine_xml import API

PASSWORD = "p\N{LATIN SMALL LETTER U WITH DIAERESIS}ss & word"


class StandIn:
    """
    domains, data_centers, hosts, events: what it has; a test may change it.
    requests: (method, path with query, correlation id as it was sent) of all
        calls.
    passwords: of users, by name. tokens: their users, by token.
    bodies: of PUT and POST, as they came.
    foreign: data centers on which the user has no role.
    meanwhile: called by the next PUT, between its reading of the domain and
        its writing.
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
        self.foreign = []
        self.meanwhile = None
        self.passwords = {USER: PASSWORD}
        self.tokens = {}
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
            if code == 958 and event.domain:
                event.description = (
                    f"Storage Domain {event.domain.name} was updated by"
                    f" {event.user}"
                )
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
    # An answer is one packet: of two, the second waits for a delayed ACK.
    wbufsize = -1

    def log_message(self, *args):
        pass

    def do_GET(self):
        self._serve()

    def do_PUT(self):
        self._serve()

    def do_POST(self):
        self._serve()

    def do_DELETE(self):
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
        if callable(fault) and isinstance(answer, ElementTree.Element):
            answer = fault(answer)
        if answer is None:
            fault, data = fault or "no type", b""
        elif isinstance(answer, str):
            kind, data = "text/html;charset=UTF-8", answer.encode()
        elif isinstance(answer, ElementTree.Element):
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
            engine.tokens.pop(form.get("token"), None)
            return 200, {}
        assert path == "/ovirt-engine/sso/oauth/token", path
        user = form.get("username", "")
        known = engine.passwords.get(user)
        if form.get("grant_type") != "password" or (
            known is None or form.get("password") != known
        ):
            return 400, {
                "error_code": "access_denied",
                "error": f"Cannot authenticate user '{user}'",
            }
        token = uuid.uuid4().hex
        engine.tokens[token] = f"{user}-authz"
        engine.add_event(30, user=engine.tokens[token])
        return 200, {
            "access_token": token,
            "scope": "ovirt-app-api",
            "exp": "9223372036854775807",
            "token_type": "bearer",
        }

    # The API

    def _api(self, engine, path, query, body):
        token = self.headers.get("Authorization", "").partition("Bearer ")[2]
        user = engine.tokens.get(token)
        if user is None:
            return 401, (
                "<html><head><title>Error</title></head>"
                "<body>Unauthorized</body></html>"
            )
        sent = self.headers.get("Correlation-Id", "")
        request = Request(query, body, correlation_id(sent), user)
        return answer(engine, self.command, path[len(API) :], request)
