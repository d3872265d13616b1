# SPDX-License-Identifier: GPL-2.0-or-later
"""
The stand-ins of other tests have the shape of the real VDSM: the same names,
parameters and uses of attributes. Where VDSM drifts, this fails.
"""

import inspect

import pytest

from tests.support import vdsmd, vdsmshapes
from vdsm_backup.vdsm import compat

REAL = {
    "PersistentDict": "vdsm.storage.persistent:PersistentDict",
    "FileMetadataRW": "vdsm.storage.fileSD:FileMetadataRW",
    "Schema": "vdsm.api.vdsmapi:Schema",
}

# What only the stand-ins have: how tests reach into them.
OWN = {"glob"}


def functions(name):
    cls = getattr(vdsmshapes, name)
    for attribute, value in vars(cls).items():
        if inspect.isfunction(value) and attribute not in OWN:
            yield name, attribute


ALL = [found for name in REAL for found in functions(name)]


@pytest.mark.parametrize("name, attribute", ALL)
def test_functions(name, attribute):
    ours = getattr(getattr(vdsmshapes, name), attribute)
    parameters = tuple(inspect.signature(ours).parameters)
    place = compat.Place(f"{REAL[name]}.{attribute}", parameters, exact=True)
    assert place.problem() is None


@pytest.mark.parametrize("name", REAL)
def test_attributes_of_instances(name):
    ours = getattr(vdsmshapes, name).__init__
    names = {n for n in ours.__code__.co_names if n.startswith("_")}
    place = compat.Place(f"{REAL[name]}.__init__", uses=tuple(names))
    assert place.problem() is None


@pytest.mark.parametrize("ours", vdsmshapes.EXCEPTIONS)
def test_exceptions(ours):
    theirs = compat.find(f"vdsm.storage.exception:{ours.__name__}")
    assert theirs.code == ours.code
    wanted = inspect.signature(ours).parameters
    if "args" not in wanted:
        assert inspect.signature(theirs).parameters.keys() == wanted.keys()


def test_vms():
    """vdsmd.Vm stands for Vm and its drives."""
    from vdsm.virt import vmstatus
    from vdsm.virt.domain_descriptor import DomainDescriptor
    from vdsm.virt.vm import Vm
    from vdsm.virt.vmdevices.storage import Drive

    for name in ("name", "lastStatus", "domain", "getDiskDevices"):
        assert hasattr(Vm, name)
        assert hasattr(vdsmd.Vm("x"), name)
    assert isinstance(DomainDescriptor.xml, property)
    for name in ("domainID", "diskReplicate", "name"):
        assert name in Drive.__slots__ or hasattr(Drive, name)
    assert "device" in Drive.__init__.__code__.co_names
    assert (vmstatus.UP, vmstatus.DOWN) == ("Up", "Down")


def test_client_if():
    from vdsm.clientIF import clientIF

    for name in ("getInstance", "getVMs"):
        assert callable(getattr(clientIF, name))
