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
        "b37ffe10552f6428daed7678fbda8f73baf72bc7387a2efadf2c326cf1dc5cb2"
    ),
    "before_vm_dehibernate": (
        "ff8b21fc2a87d82ed8aac810368c51897a78cbdc59aa5320fdb79f516bd88019"
    ),
    "before_vm_migrate_destination": (
        "431162ea2d97b30e8fa0cfb9c7d1eff80f34a3d075be3d89807a8513ffecf409"
    ),
    "before_vm_start": (
        "d0303a62e473d2f1a3112fae95f51a8f89b0c848887280aaac26d15399169502"
    ),
    "qemu.d": (
        "855efb4bec071975ab48143b67c09b812ad93d926cfabde15752c90662b89901"
    ),
    "vdsmd": (
        "0c4e2d0434f455441ee76d72cac02c8f8ac7ef932f2bc8addec5039cfd17def7"
    ),
}


def is_ours(name: str, content: bytes) -> bool:
    """Whether a script is that of this version. name: a key of SUMS."""
    return hashlib.sha256(content).hexdigest() == SUMS[name]
