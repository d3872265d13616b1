# SPDX-License-Identifier: GPL-2.0-or-later
"""
The commands that the pages tell people to type: lines of a block that begin
with a program, and `commands` of ours within a sentence. What
docs/tutorial.md types is another test's.
"""

import glob
import os
import re

from tests import ROOT
from vdsm_backup.bridge.command import PROGRAM as BRIDGE
from vdsm_backup.cli.parser import PROGRAM

PAGES = sorted(
    os.path.relpath(path, ROOT)
    for path in (
        os.path.join(ROOT, "README.md"),
        *glob.glob(os.path.join(ROOT, "docs", "*.md")),
    )
)

# What a line begins with that is a command, behind settings for it.
_PROGRAMS = (
    *(PROGRAM, "make", "git", "cd", "dnf", "systemctl", "journalctl", "mkdir"),
    *("ansible-playbook", "gluster", "virsh", "promtool", "collectd", "sos"),
    *("rpmsign", "contrib/[\\w-]+", "gpg", "rsync", "ps", "ausearch", "ls"),
    *("getsebool", "grep", "pvs", "sanlock", "\\.venv/bin/python"),
    *("virt-sparsify", "lvm", "cp", "sudo", "mount", "rm", "tar", "for"),
    *(
        "curl",
        "cat",
        "umount",
        "getenforce",
        "vdsm-client",
        "rpm",
        "install",
        "vi",
    ),
    *(BRIDGE, "ovirt-aaa-jdbc-tool", "ssh-keygen", "ansible-vault", "printf"),
)
_COMMAND = re.compile(rf"(?:[A-Z_]+=\S+ )*(?:{'|'.join(_PROGRAMS)})(?= |$)")


def read(page):
    with open(os.path.join(ROOT, page), encoding="utf-8") as f:
        return f.read()


def blocks(page):
    """What is to be typed or seen, of a page."""
    text = read(page)
    for kind, block in re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", text):
        if kind in ("", "sh", "shell"):
            yield block
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    yield from re.findall(r"(?m)(?:^ {4,}.*\n)+", text)


def typed(page):
    """The commands of blocks, each as one line."""
    for block in blocks(page):
        lines = re.sub(r"\\\n\s*|(?<=\|)\n\s*", "", block).splitlines()
        for line in lines:
            line = re.sub(r"  +#.*", "", line).strip().removeprefix("# ")
            if _COMMAND.match(line) and "[" not in line.split(" ")[0]:
                yield line


def said(page):
    """Commands of ours within sentences and tables."""
    text = re.sub(r"(?ms)^```.*?^```$", "", read(page))
    text = re.sub(r"(?m)^    .*$", "", text)
    for code in re.findall(r"`([^`]+)`", text):
        code = " ".join(code.split())
        if code.startswith(f"{PROGRAM} "):
            yield code


# What stands for what somebody else has.
_WORDS = {
    "SD": "backups-nfs",
    "TEXT": "'nightly copies'",
    "UUID": "5d2b6f0e-3c1a-4b7d-9e8f-00000000000a",
    "CODE": "994",
    "COMMAND": "list",
    "N": "1",
}


def filled(command, **words):
    """With something in place of each placeholder."""
    for word, value in {**_WORDS, **words}.items():
        command = re.sub(rf"\b{word}\b(?!=)", value, command)
    return command
