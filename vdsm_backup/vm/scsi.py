# SPDX-License-Identifier: GPL-2.0-or-later
"""
The SCSI devices of the host that a VM gets, by its XML. Pure.

    <hostdev mode="subsystem" type="scsi">
      <source>
        <adapter name="scsi_host2"/>
        <address bus="0" target="3" unit="1"/>

libvirt reads the numbers by strtoul(3) with base 0, and keeps the name of the
adapter as it was given (src/util/virscsi.c, src/conf/domain_conf.c).
"""

from __future__ import annotations

from vdsm_backup.vm.xml_paths import local_values
from vdsm_backup.vm.xml_tree import BadXml

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from vdsm_backup.vm.xml_tree import Element

# Far more than a VM has. Each costs some calls on this host.
MAX_DEVICES = 1000

# How libvirt calls a SCSI host, before its number.
_HOST = "scsi_host"

# Hexadecimal, octal or decimal, of up to 64 bits.
_NUMBER = (
    r"[ \t\n\v\f\r]*([-+]?)"
    r"(?:0[xX]0*([0-9a-fA-F]{1,16})|0+([0-7]{1,22})|([0-9]{1,20}))"
)


def addresses(root: Element) -> list[str]:
    """
    "host:bus:target:unit" of each device, in decimal numbers. Raises BadXml if
    there are more than MAX_DEVICES.
    """
    found: dict[str, None] = {}
    for source in root.find("devices", "hostdev", "source"):
        for address in _of_source(source):
            found[address] = None
            if len(found) > MAX_DEVICES:
                raise BadXml(f"has more than {MAX_DEVICES} SCSI devices")
    return list(found)


def _of_source(source: Element) -> Iterator[str]:
    hosts = [
        name[len(_HOST) :]
        for adapter in source.called("adapter")
        for name in local_values(adapter.attributes, "name")
        if name.startswith(_HOST)
    ]
    for host in dict.fromkeys(hosts):
        for address in source.called("address"):
            texts = [host]
            for key in ("bus", "target", "unit"):
                texts += [*local_values(address.attributes, key)][:1]
            parts = [n for n in map(_number, texts) if n is not None]
            if len(parts) == 4:
                yield ":".join(map(str, parts))


def _number(text: str) -> int | None:
    """The number that libvirt reads in a text; None if that is none."""
    # Few VMs have such a device, and no other needs this.
    import re

    match = re.fullmatch(_NUMBER, text)
    if not match:
        return None
    sign, hexadecimal, octal, decimal = match.groups()
    if hexadecimal:
        number = int(hexadecimal, 16)
    else:
        number = int(octal, 8) if octal else int(decimal)
    # A negative one counts from 2**32 down, in C and in libvirt.
    return -number % 2**32 if sign == "-" else number
