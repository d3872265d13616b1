# SPDX-License-Identifier: GPL-2.0-or-later
"""LUNs of the box, on two portals each; targetcli would need D-Bus."""

from rtslib_fb import (
    LUN,
    TPG,
    FabricModule,
    FileIOStorageObject,
    NetworkPortal,
    Target,
)

SIZE = 8 * 1024**3
# The last one can be made to hang. It has a target of its own, or all that is
# in the same session would be thrown out with it when it does.
TARGETS = {
    "iqn.2024-01.com.example:box": ("/srv/lun0", "/srv/lun1", "/srv/lun2"),
    "iqn.2024-01.com.example:hang": ("/dev/mapper/hang",),
}

number = 0
for port, (name, paths) in enumerate(TARGETS.items()):
    target = Target(FabricModule("iscsi"), name)
    group = TPG(target, 1)
    for attribute, value in (
        ("authentication", "0"),
        ("demo_mode_write_protect", "0"),
        ("generate_node_acls", "1"),
        ("cache_dynamic_acls", "1"),
    ):
        group.set_attribute(attribute, value)
    for lun, path in enumerate(paths):
        size = SIZE if path.startswith("/srv/") else None
        # The WWID of the LUN is 36001405 and 25 digits of this.
        serial = f"b0c5000{number}-0000-0000-0000-000000000000"
        storage = FileIOStorageObject(f"lun{number}", path, size, wwn=serial)
        LUN(group, lun, storage)
        number += 1
    group.enable = True
    for portal in (3260 + 2 * port, 3261 + 2 * port):
        NetworkPortal(group, "10.77.0.1", portal)
