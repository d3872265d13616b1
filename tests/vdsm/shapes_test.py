# SPDX-License-Identifier: GPL-2.0-or-later
"""
The stand-ins of other tests have the shape of the real VDSM: the same names,
parameters and uses of attributes. Where VDSM drifts, this fails.
"""

import inspect

import pytest

from tests.support.vdsm import vdsmd, vdsmshapes, vdsmvms
from vdsm_backup.plugin import shape

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
    expected = shape.Shape(f"{REAL[name]}.{attribute}", parameters, exact=True)
    assert expected.problem() is None


@pytest.mark.parametrize("name", REAL)
def test_attributes_of_instances(name):
    ours = getattr(vdsmshapes, name).__init__
    names = {n for n in ours.__code__.co_names if n.startswith("_")}
    expected = shape.Shape(f"{REAL[name]}.__init__", uses=tuple(names))
    assert expected.problem() is None


@pytest.mark.parametrize("ours", vdsmshapes.EXCEPTIONS)
def test_exceptions(ours):
    theirs = shape.find(f"vdsm.storage.exception:{ours.__name__}")
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


VMS = {
    vdsmvms.clientIF: "vdsm.clientIF:clientIF",
    vdsmvms.Vm: "vdsm.virt.vm:Vm",
    vdsmvms.ApiVM: "vdsm.API:VM",
    vdsmvms.HSM: "vdsm.storage.hsm:HSM",
}
METHODS = [
    (cls, name)
    for cls in VMS
    for name, value in vars(cls).items()
    if inspect.isfunction(value)
    and name not in ("validateSPM",)
    and (cls, name) != (vdsmvms.clientIF, "__init__")
    and (cls, name) != (vdsmvms.HSM, "__init__")
]


@pytest.mark.parametrize("cls, name", METHODS)
def test_methods_that_the_guard_wraps(cls, name):
    """Names, order and defaults."""
    theirs = shape.find(f"{VMS[cls]}.{name}")
    theirs = getattr(theirs, "__func__", theirs)
    given = list(inspect.signature(theirs).parameters.values())
    ours = list(inspect.signature(getattr(cls, name)).parameters.values())
    # Class methods, and the values of constants.
    assert [p.name for p in ours][1:] == [p.name for p in given][1:]
    assert [p.default is p.empty for p in ours] == [
        p.default is p.empty for p in given
    ]


def test_attributes_that_the_guard_reads():
    from vdsm.virt import vm

    used = vm.Vm.__init__.__code__.co_names
    for name in ("cif", "recovering", "_altered_state", "id"):
        assert name in used
    assert vm._AlteredState("x").origin == "x"
    assert vm._MIGRATION_ORIGIN == vdsmvms.MIGRATION_ORIGIN


@pytest.mark.parametrize(
    "module, ours",
    [
        ("vdsm.common.exception", vdsmvms.VdsmException),
        ("vdsm.common.exception", vdsmvms.GeneralException),
        (
            "vdsm.storage.exception",
            vdsmvms.createIllegalVolumeSnapshotError,
        ),
        ("vdsm.storage.exception", vdsmvms.StorageDomainFormatError),
        ("vdsm.storage.exception", vdsmvms.VolumeGroupHasDomainTag),
        ("vdsm.storage.exception", vdsmvms.InaccessiblePhysDev),
    ],
)
def test_exceptions_of_the_guard(module, ours):
    theirs = shape.find(f"{module}:{ours.__name__}")
    assert theirs.code == ours.code
    bases = [b.__name__ for b in theirs.__mro__]
    assert {b.__name__ for b in ours.__mro__} <= set(bases)
    assert callable(theirs.response)


def test_a_drive_of_vdsm():
    """What VDSM makes of a disk has what vdsmvms.drive() has."""
    from vdsm.virt.vmdevices import common, storagexml

    from tests.support.vdsm import vdsmguest

    disk = vdsmguest.Disk("p", "sd", "i", "v")
    _, element, meta = common.dev_elems_from_xml(
        vdsmvms.Vm(None, {}), vdsmguest.plug_xml(disk)
    )
    made = storagexml.parse(element, meta)
    assert set(vdsmvms.drive("i")) <= set(made)
    assert made["device"] == "disk"


def test_client_if():
    from vdsm.clientIF import clientIF

    for name in ("getInstance", "getVMs"):
        assert callable(getattr(clientIF, name))
