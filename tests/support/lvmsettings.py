# SPDX-License-Identifier: GPL-2.0-or-later
"""All settings that an lvm.conf can have, for the lvm that is here."""

import subprocess

from vdsm_backup.lvm import command as lvm_command


def defaults():
    """{section/name: default} of this lvm."""
    command = [lvm_command.LVM, "dumpconfig", "--type", "default"]
    out = subprocess.run(command, capture_output=True, text=True).stdout
    found, section = {}, []
    for line in out.splitlines():
        name, equals, value = line.strip("# \t").partition("=")
        if equals:
            found["/".join([*section, name])] = value
        elif name.endswith("{"):
            section.append(name.rstrip("{ "))
        elif name == "}":
            section.pop()
    return found


# Where another value would be refused by lvm, or have no effect.
OTHER = {
    "devices/filter": '["r|.*|"]',
    "devices/global_filter": '["r|.*|"]',
    "devices/pv_min_size": "99999999",
    "global/system_id_source": '"uname"',
    "global/units": '"h"',
    "log/prefix": '"x"',
    "report/list_item_separator": '";"',
    "report/output_format": '"json"',
    "report/separator": '"|"',
    "report/time_format": '"%s"',
}

# Of these tests, which have no device-mapper.
OURS = {"global/activation", "global/locking_dir"}


def others(section):
    """Settings of a section, each with a value that is not the default."""
    found = [
        (name, other(name, value))
        for name, value in defaults().items()
        if name.startswith(f"{section}/") and name not in OURS
    ]
    assert found
    return found


def other(name, default):
    if name in OTHER:
        return OTHER[name]
    if default.isdigit():
        return str(int(default == "0"))
    return '["other"]' if default.startswith("[") else '"other"'
