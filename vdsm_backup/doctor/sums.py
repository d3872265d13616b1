# SPDX-License-Identifier: GPL-2.0-or-later
"""
The SHA-256 of each script that is installed outside of this package, as it is
in this version. The engine shows the same sums of VDSM's hooks, in a host's
Host Hooks tab.
"""

from __future__ import annotations

import hashlib

# {directory in hooks/, or name in contrib/libexec/: sum}
SUMS = {
    "before_disk_hotplug": (
        "eb3219df9898066fd28f8caa9e5581e49f782bb841580f484d4e7099d0fcb163"
    ),
    "before_vm_dehibernate": (
        "557a91750efa68ac4bbbedde3a7dd6ec6f659ad3df19c15323d75c0308b00a3b"
    ),
    "before_vm_migrate_destination": (
        "7bdf3992d89ff8d65cefefaa39911aa51100cd7e25f33bfd9d3334256063dc41"
    ),
    "before_vm_start": (
        "0a95666ae9dd9f2670b1a357552a0a32cf70ad9fb30cec1c79f763ab0a5906dd"
    ),
    "qemu.d": (
        "e9673c2ee02af7cbc2fd5b5c8e730c91506c92aded7cfabf03d9990ceb2c3521"
    ),
    "vdsmd": (
        "4e755b4808caa9a2052044462c6a93e4386a434bd08c925a3bc36f9b03b9b56c"
    ),
}


def is_ours(name: str, content: bytes) -> bool:
    """Whether a script is that of this version. name: a key of SUMS."""
    return hashlib.sha256(content).hexdigest() == SUMS[name]
