# SPDX-License-Identifier: GPL-2.0-or-later
"""
Domain XML in every form that libvirt and VDSM have for a disk: tests/data/
domxml, two VMs a form. expected.json says for each file

    vm       the name of the VM, "" for a single disk
    disks    by target, the domains that it is on, none if not VDSM's
    leases   the domains that a lease is on
    dm       what sysfs calls /dev/dm-N; only where a disk is one

Domains are sd1 and sd2; the caller says which UUIDs these have, and where
VDSM's repository is.
"""

import json
import os
import string
from dataclasses import dataclass

from tests import ROOT

DIRECTORY = os.path.join(ROOT, "tests", "data", "domxml")

SD1 = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1101"
SD2 = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1102"
REPO_ROOT = "/rhev/data-center"


@dataclass(frozen=True)
class Sample:
    """
    disks: target -> set of UUIDs. dm: "dm-N" -> name.
    """

    name: str
    xml: str
    vm: str
    disks: dict
    leases: list
    dm: dict

    @property
    def domains(self):
        """UUIDs of all that the VM needs."""
        return set(self.leases).union(*self.disks.values())


def names():
    return sorted(n for n in os.listdir(DIRECTORY) if n.endswith(".xml"))


def load(name, sd1=SD1, sd2=SD2, repo_root=REPO_ROOT):
    """A Sample of these domains."""
    places = {"sd1": sd1, "sd2": sd2, "repo_root": repo_root}
    for key, sd_id in ("vg1", sd1), ("vg2", sd2):
        places[key] = sd_id.replace("-", "--")
    with open(os.path.join(DIRECTORY, name), encoding="utf-8") as f:
        xml = string.Template(f.read()).substitute(places)
    answer = _expected()[name]
    return Sample(
        name=name,
        xml=xml,
        vm=answer["vm"],
        disks={
            target: {places[key] for key in keys}
            for target, keys in answer["disks"].items()
        },
        leases=[places[key] for key in answer["leases"]],
        dm={
            device: string.Template(text).substitute(places)
            for device, text in answer.get("dm", {}).items()
        },
    )


def _expected():
    with open(os.path.join(DIRECTORY, "expected.json")) as f:
        return json.load(f)
