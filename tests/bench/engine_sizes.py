# SPDX-License-Identifier: GPL-2.0-or-later
"""
What an engine says besides what the bridge reads: so many elements that the
stand-in's answers are as large, and take as long to read, as those of an
engine (ovirt-engine 4.5.7, restapi/types: HostMapper, StorageDomainMapper,
EventMapper).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Callable
    from xml.etree.ElementTree import Element

_ID = "0d4f5b2c-7a16-4f3e-9b0a-2f6c1e8d9a57"


def _links(thing: str, *names: str) -> str:
    href = f"/ovirt-engine/api/{thing}/{_ID}"
    return "".join(f'<link href="{href}/{n}" rel="{n}"/>' for n in names)


def _actions(thing: str, *names: str) -> str:
    return f"<actions>{_links(thing, *names)}</actions>"


def _with_texts(tag: str, **texts: object) -> str:
    inner = "".join(f"<{k}>{v}</{k}>" for k, v in texts.items())
    return f"<{tag}>{inner}</{tag}>"


def _version(tag: str) -> str:
    return _with_texts(
        tag,
        build=0,
        full_version="libvirt-10.0.0-6.7.el9",
        major=10,
        minor=0,
        revision=0,
    )


_HOST = (
    _actions(
        "hosts",
        *("activate", "approve", "commitnetconfig", "copyhostnetworks"),
        *("deactivate", "discoveriscsi", "enrollcertificate", "fence"),
        *("forceselectspm", "install", "iscsidiscover", "iscsilogin"),
        *("refresh", "setupnetworks", "syncallnetworks", "upgrade"),
        *("unregisteredstoragedomainsdiscover", "upgradecheck"),
    ),
    _links(
        "hosts",
        *("storage", "nics", "numanodes", "hooks", "tags", "permissions"),
        *("unmanagednetworks", "networkattachments", "fenceagents", "devices"),
        *("externalnetworkproviderconfigurations", "affinitylabels"),
        *("storageconnectionextensions", "katelloerrata", "statistics"),
        "cpuunits",
    ),
    "<comment></comment><auto_numa_status>disable</auto_numa_status>",
    _with_texts("certificate", organization="site", subject="O=site,CN=host"),
    "<cpu><name>AMD EPYC</name><speed>2400</speed><topology><cores>16</cores>"
    "<sockets>2</sockets><threads>2</threads></topology>"
    "<type>Secure AMD EPYC</type></cpu>",
    _with_texts("device_passthrough", enabled="false"),
    "<external_status>ok</external_status>",
    _with_texts(
        "hardware_information",
        family="Server",
        manufacturer="Maker",
        product_name="Machine",
        serial_number="1234567",
        uuid=_ID,
        version="1",
    ),
    "<hosted_engine></hosted_engine>",
    _with_texts("iscsi", initiator="iqn.1994-05.com.example:host"),
    "<kdump_status>enabled</kdump_status>",
    _with_texts("ksm", enabled="false"),
    _version("libvirt_version"),
    "<max_scheduling_memory>540000000000</max_scheduling_memory>",
    "<memory>541000000000</memory><numa_supported>true</numa_supported>",
    "<os><custom_kernel_cmdline></custom_kernel_cmdline>"
    "<reported_kernel_cmdline>BOOT_IMAGE=/vmlinuz ro</reported_kernel_cmdline>"
    f"<type>RHEL</type>{_version('version')}</os>",
    _with_texts(
        "power_management",
        automatic_pm_enabled="true",
        enabled="true",
        kdump_detection="true",
    ),
    "<protocol>stomp</protocol>",
    _with_texts("se_linux", mode="enforcing"),
    _with_texts("summary", active=12, migrating=0, total=12),
    _with_texts("transparent_hugepages", enabled="true"),
    "<type>ovirt_node</type><update_available>false</update_available>",
    _version("version"),
    "<vgpu_placement>consolidated</vgpu_placement>",
)

_DOMAIN = (
    _actions(
        "storagedomains",
        *("isattached", "reduceluns", "refreshluns", "updateovfstore"),
    ),
    _links(
        "storagedomains",
        *("diskprofiles", "disks", "disksnapshots", "permissions"),
        *("storageconnections", "templates", "vms"),
    ),
)

# Of most events.
_EVENT = (
    f'<cluster id="{_ID}"><name>Default</name></cluster>',
    f'<data_center id="{_ID}"><name>Default</name></data_center>',
    f'<host id="{_ID}"><name>host17</name></host>',
    f'<template id="{_ID}"><name>Blank</name></template>',
    f'<vm id="{_ID}"><name>mail</name></vm>',
)


def _with(parts: tuple[str, ...]) -> Callable[[Element], Element]:
    """Adds them to each of a list."""
    more = list(ElementTree.fromstring(f"<x>{''.join(parts)}</x>"))

    def added(answer: Element) -> Element:
        for row in answer:
            row.extend(more)
        return answer

    return added


# As StandIn.faults has them.
FAULTS = {
    "/hosts$": _with(_HOST),
    "/storagedomains$": _with(_DOMAIN),
    "/events$": _with(_EVENT),
}
