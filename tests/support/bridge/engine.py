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
import datetime
import http.server
import json
import os
import re
import ssl
import subprocess
import threading
import time
import urllib.parse
import uuid
from xml.etree import ElementTree

API = "/ovirt-engine/api"
USER = "bridge@internal"
PASSWORD = "p\N{LATIN SMALL LETTER U WITH DIAERESIS}ss & word"


def make_ca(directory):
    """A CA, and a certificate of it for localhost: (ca.pem, server.pem)."""
    ca, key, cert = (
        os.path.join(directory, name)
        for name in ("ca.pem", "ca.key", "server.pem")
    )

    def openssl(*args):
        subprocess.run(
            ["openssl", *args], check=True, capture_output=True, cwd=directory
        )

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    new = ("req", "-x509", "-nodes", "-days", "2", *curve)
    openssl(*new, "-keyout", key, "-out", ca, "-subj", "/CN=engine CA")
    name = (
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
    )
    signed = ("-CA", ca, "-CAkey", key)
    server = os.path.join(directory, "server.key")
    openssl(*new, *signed, "-keyout", server, "-out", cert, *name)
    with open(cert, "a") as f, open(server) as k:
        f.write(k.read())
    return ca, cert


class StorageDomain:
    def __init__(self, name, data_center=None, status="active", **more):
        self.id = str(uuid.uuid4())
        self.name = name
        self.data_center = data_center
        self.status = status
        self.backup = False
        self.comment = ""
        self.description = ""
        self.type = "data"
        self.master = False
        self.storage_type = "nfs"
        self.vm_runs = False
        self.warning = 10
        vars(self).update(more)


class DataCenter:
    def __init__(self, name, status="up"):
        self.id = str(uuid.uuid4())
        self.name = name
        self.status = status
        self.cluster_id = str(uuid.uuid4())


class Host:
    def __init__(self, name, data_center, **more):
        self.id = str(uuid.uuid4())
        self.name = name
        self.data_center = data_center
        self.address = f"{name}.example.com"
        self.status = "up"
        self.spm = "none"
        self.ssh_port = 22
        self.ssh_user = "root"
        self.public_key = "ssh-ed25519 AAAA"
        self.fingerprint = "SHA256:abc"
        #: {event name: {script name: checksum}}
        self.hooks = {}
        vars(self).update(more)


class Event:
    def __init__(self, index, code, when, **more):
        self.index = index
        self.code = code
        #: In milliseconds since the epoch.
        self.time = when
        self.user = ""
        self.domain = None
        self.correlation = ""
        self.description = "something"
        self.origin = "oVirt"
        self.custom_id = -1
        self.severity = "normal"
        self.dismissed = False
        #: The event is there already, and others do not see it yet.
        self.late = False
        vars(self).update(more)


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
        for pattern, fault in engine.faults.items():
            if re.search(pattern, path):
                if fault == "hang":
                    engine.stopped.wait()
                    return "close"
                if isinstance(fault, float):
                    engine.stopped.wait(fault)
                    return None
                return fault
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
        parts = path[len(API) :].strip("/").split("/")
        with engine.lock:
            for method, pattern, answer in ROUTES:
                if method == self.command and len(parts) == len(pattern):
                    pairs = list(zip(pattern, parts))
                    if all(p in ("*", part) for p, part in pairs):
                        ids = [part for p, part in pairs if p == "*"]
                        return answer(self, engine, query, body, *ids)
        return 404, fault("Not Found", path)

    def _domains(self, engine, query, body):
        return 200, many(
            "storage_domains", [domain_xml(d) for d in engine.domains]
        )

    def _domain(self, engine, query, body, sd_id):
        found = by_id(engine.domains, sd_id)
        if found is None:
            return 404, fault("Not Found", f"Entity not found: {sd_id}")
        return 200, domain_xml(found)

    def _update(self, engine, query, body, sd_id):
        found = by_id(engine.domains, sd_id)
        if found is None:
            return 404, fault("Not Found", f"Entity not found: {sd_id}")
        incoming = ElementTree.fromstring(body)
        assert incoming.tag == "storage_domain"
        wanted = incoming.findtext("backup")
        backup = found.backup if wanted is None else wanted == "true"
        if found.status == "locked":
            return 409, fault(
                "Operation Failed",
                "[Cannot edit Storage. The relevant Storage Domain is"
                " inaccessible.]",
            )
        if backup and not found.backup and found.vm_runs:
            return 409, fault(
                "Operation Failed",
                "[Cannot edit Storage. The storage domain contains disks"
                " which are attached to running VMs or VMs with leases.]",
            )
        found.backup = backup
        for name in ("name", "comment", "description"):
            if incoming.find(name) is not None:
                setattr(found, name, incoming.findtext(name) or "")
        answer = domain_xml(found)
        engine.add_event(
            958,
            user=USER,
            domain=found,
            correlation=self.headers.get("Correlation-Id", ""),
        )
        return 200, answer

    def _data_centers(self, engine, query, body):
        rows = []
        for center in engine.data_centers:
            row = element("data_center", id=center.id)
            text(row, name=center.name, status=center.status)
            rows.append(row)
        return 200, many("data_centers", rows)

    def _attached(self, engine, query, body, center_id):
        return 200, many(
            "storage_domains",
            [
                domain_xml(d, inside=True)
                for d in engine.domains
                if d.data_center and d.data_center.id == center_id
            ],
        )

    def _hosts(self, engine, query, body):
        follow = query.get("follow", "").split(",")
        return 200, many(
            "hosts", [host_xml(h, "cluster" in follow) for h in engine.hosts]
        )

    def _hooks(self, engine, query, body, host_id):
        rows = []
        for event_name, scripts in by_id(engine.hosts, host_id).hooks.items():
            for name, checksum in scripts.items():
                row = element("hook", id=str(uuid.uuid4()))
                text(row, name=name, event_name=event_name, md5=checksum)
                rows.append(row)
        return 200, many("hooks", rows)

    def _events(self, engine, query, body):
        after = int(query.get("from", -1))
        found = [
            event
            for event in engine.events
            if not event.dismissed
            and not event.late
            and (after <= 0 or event.index > after)
        ]
        found.sort(key=lambda event: event.index, reverse=True)
        most = int(query.get("max", 2**31 - 1))
        return 200, many("events", [event_xml(e) for e in found[:most]])

    def _event(self, engine, query, body, index):
        for event in engine.events:
            if event.index == int(index):
                return 200, event_xml(event)
        return 404, fault("Not Found", f"Entity not found: {index}")

    def _add_event(self, engine, query, body):
        incoming = ElementTree.fromstring(body)
        needed = ("origin", "severity", "custom_id", "description")
        if any(incoming.find(name) is None for name in needed):
            return 400, fault("Incomplete parameters", "Event [..] required")
        origin = incoming.findtext("origin")
        custom_id = int(incoming.findtext("custom_id"))
        assert -(2**31) <= custom_id < 2**31
        for event in engine.events:
            if (event.origin, event.custom_id) == (origin, custom_id):
                return 400, fault(
                    "Operation Failed",
                    "[Cannot add External Event. External Event with this"
                    " custom id already exists.]",
                )
        about = incoming.find("storage_domain")
        severity = incoming.findtext("severity")
        event = engine.add_event(
            {"normal": 9801, "warning": 9802}[severity],
            user=USER,
            origin=origin,
            custom_id=custom_id,
            severity=severity,
            description=incoming.findtext("description"),
            domain=about is not None
            and by_id(engine.domains, about.get("id")),
        )
        return 201, event_xml(event)


ROUTES = [
    ("GET", ["storagedomains"], _Handler._domains),
    ("GET", ["storagedomains", "*"], _Handler._domain),
    ("PUT", ["storagedomains", "*"], _Handler._update),
    ("GET", ["datacenters"], _Handler._data_centers),
    ("GET", ["datacenters", "*", "storagedomains"], _Handler._attached),
    ("GET", ["hosts"], _Handler._hosts),
    ("GET", ["hosts", "*", "hooks"], _Handler._hooks),
    ("GET", ["events"], _Handler._events),
    ("GET", ["events", "*"], _Handler._event),
    ("POST", ["events"], _Handler._add_event),
]


# XML


def by_id(things, wanted):
    return next((thing for thing in things if thing.id == wanted), None)


def element(tag, **attributes):
    return ElementTree.Element(tag, attributes)


def text(parent, **texts):
    """Children with these texts, in this order. None: none."""
    for name, value in texts.items():
        if value is not None:
            value = str(value).lower() if isinstance(value, bool) else value
            ElementTree.SubElement(parent, name).text = str(value)
    return parent


def many(tag, rows):
    found = element(tag)
    found.extend(rows)
    return found


def fault(reason, detail):
    return text(element("fault"), detail=detail, reason=reason)


def domain_xml(domain, inside=False):
    """inside: below its data center."""
    row = element(
        "storage_domain",
        href=f"{API}/storagedomains/{domain.id}",
        id=domain.id,
    )
    status = "unattached" if domain.data_center is None else None
    text(
        row,
        name=domain.name,
        description=domain.description,
        comment=domain.comment,
        available=1 << 40,
        backup=domain.backup,
        block_size=512,
        committed=0,
        critical_space_action_blocker=5,
        discard_after_delete=False,
        external_status="ok",
        master=domain.master,
        status=domain.status if inside else status,
    )
    text(ElementTree.SubElement(row, "storage"), type=domain.storage_type)
    text(
        row,
        storage_format="v5",
        supports_discard=False,
        type=domain.type,
        used=1 << 30,
        warning_low_space_indicator=domain.warning,
        wipe_after_delete=False,
    )
    if domain.data_center is not None:
        centers = ElementTree.SubElement(row, "data_centers")
        centers.append(
            element(
                "data_center",
                href=f"{API}/datacenters/{domain.data_center.id}",
                id=domain.data_center.id,
            )
        )
    return row


def host_xml(host, follow):
    row = element("host", href=f"{API}/hosts/{host.id}", id=host.id)
    text(row, name=host.name, address=host.address, port=54321)
    spm = ElementTree.SubElement(row, "spm")
    text(spm, priority=5, status=host.spm)
    ssh = ElementTree.SubElement(row, "ssh")
    text(
        ssh,
        fingerprint=host.fingerprint,
        port=host.ssh_port,
        public_key=host.public_key,
    )
    text(ElementTree.SubElement(ssh, "user"), user_name=host.ssh_user)
    text(row, status=host.status)
    cluster = element("cluster", id=host.data_center.cluster_id)
    if follow:
        cluster.append(element("data_center", id=host.data_center.id))
    row.append(cluster)
    return row


def event_xml(event):
    row = element(
        "event", href=f"{API}/events/{event.index}", id=str(event.index)
    )
    text(row, description=event.description, code=event.code)
    if event.correlation:
        text(row, correlation_id=event.correlation)
    zone = datetime.timezone(datetime.timedelta(hours=2))
    seconds, milliseconds = divmod(event.time, 1000)
    when = datetime.datetime.fromtimestamp(seconds, zone)
    when += datetime.timedelta(milliseconds=milliseconds)
    index = (event.index + 2**31) % 2**32 - 2**31
    text(
        row,
        custom_id=event.custom_id,
        flood_rate=0,
        index=index,
        origin=event.origin,
        severity=event.severity,
        time=when.isoformat(timespec="milliseconds"),
    )
    if event.domain:
        about = element("storage_domain", id=event.domain.id)
        row.append(text(about, name=event.domain.name))
    if event.user:
        row.append(
            text(element("user", id=str(uuid.uuid4())), name=event.user)
        )
    return row
