# SPDX-License-Identifier: GPL-2.0-or-later
"""What an engine has, as the XML of its API."""

import datetime
import uuid
from xml.etree import ElementTree

API = "/ovirt-engine/api"


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
