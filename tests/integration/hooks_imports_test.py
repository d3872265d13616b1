# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a hook imports. It is a process on the way of every start of a VM, and
most of its time goes into imports: what a case does not need is not loaded.
"""

import os
import subprocess
import sys

import pytest

from tests import ROOT
from tests.support.hooks import hookrunner, importone, importtrace, vmxml
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.hookrunner import POINTS
from tests.support.hooks.needs import needs_other_user

pytest_plugins = ["tests.support.hooks.hookfixtures"]

BARE = [sys.executable, "-I", "-S", "-X", "utf8"]

# Never: `inspect`, which `dataclasses` imports, imports the others.
SLOW = {"dataclasses", "inspect", "typing", "ast", "dis", "tokenize"}

# What modules of ours may import of the standard library, and why, besides
# what Python itself has loaded. What these import in their turn depends on
# the version of Python.
XML = {
    "__future__": "annotations are not evaluated",
    "xml": "the XML of the VM",
    "xml.parsers": "the same",
    "xml.parsers.expat": "the same",
}
READING = {
    "threading": "no domain holds up another one",
    "queue": "the answers of threads",
    "functools": "jobs of threads",
    "collections": "what is read, as namedtuples",
    "hashlib": "the checksum of metadata",
}
FILE = {
    "contextlib": "storage.file",
    "errno": "the storage tells what failed",
    "importlib": "bootstrap, which the worker runs",
    "json": "messages of the worker",
    "mmap": "calls, which the worker has",
    "socket": "messages of the worker",
    "struct": "messages of the worker",
    "subprocess": "the worker",
}
BLOCK = {
    "contextlib": "lvm.command, storage.block",
    "copy": "lvm.limited",
    "json": "the report of lvm",
    "re": "tags have escapes",
    "selectors": "lvm has a timeout",
    "subprocess": "lvm",
}
TOLD = {
    "collections": "guard.permits",
    "contextlib": "processes.regular_files",
    "errno": "a permit that cannot be used",
    "socket": "the journal",
    "struct": "the journal",
    "threading": "guard.audit has a lock, for VDSM",
    "unicodedata": "names that are not ASCII",
}

# All of our own modules that every hook loads.
OURS = """
    config config_files config_plain config_values errors record text
    guard guard.host guard.policy
    hooks hooks.answer hooks.entry
    host host.block_stack host.devices host.mounts host.user
    processes processes.directories
    vm vm.domxml vm.links vm.luns vm.needs vm.paths vm.scsi
    vm.shared_directories vm.xml_paths vm.xml_tree
""".split()


class Trace:
    """
    as_user: what runs a hook, see hookrunner.vdsm(). importers(): of the
    modules that the hook has loaded, who imported each.
    """

    def __init__(self, directory):
        self._output = os.path.join(directory, "modules")
        self.as_user = [*BARE, importtrace.__file__, ROOT, self._output]

    def importers(self):
        with open(self._output) as f:
            return dict(line.split() for line in f)


@pytest.fixture
def trace(tmp_path):
    return Trace(tmp_path)


def from_vdsm(point):
    def run(host, disk, as_user):
        whole = point != "before_disk_hotplug"
        data = vmxml.vm(disk) if whole else disk.encode()
        return host.vdsm(point, data, vm_id=vmxml.VM, as_user=as_user)

    return run


def from_libvirt(operation):
    def run(host, disk, as_user):
        return host.libvirt(operation, vmxml.vm(disk), as_user=as_user)

    return run


WAYS = {
    **{point: from_vdsm(point) for point in POINTS},
    "prepare": from_libvirt("prepare"),
    "start": from_libvirt("start"),
    "migrate": from_libvirt("migrate"),
}


class Unconfigured:
    """Hooks of a host on which no file sets an option."""

    def __init__(self, directory):
        self._hooks = hookrunner.install(str(directory), os.devnull)

    def vdsm(self, point, data, **options):
        return hookrunner.vdsm(self._hooks, point, data, **options)

    def libvirt(self, operation, data, **options):
        return hookrunner.libvirt(self._hooks, operation, data, **options)


NO_STORAGE = vmxml.disk("/images/boot.iso", device="cdrom")


@needs_other_user
@pytest.mark.parametrize("way", WAYS)
def test_a_vm_that_needs_no_domain(tmp_path, trace, way):
    """Not even what looks into a domain is loaded."""
    host = Unconfigured(tmp_path / "hooks")
    assert_allowed(WAYS[way](host, NO_STORAGE, trace.as_user))
    importers = trace.importers()
    assert ours(importers) == {
        "vdsm_backup",
        *map("vdsm_backup.{}".format, OURS),
    }
    # The script for libvirt has syslog.
    assert standard(importers) <= XML.keys() | {"pyexpat", "syslog"}


@needs_other_user
@pytest.mark.parametrize(
    "text, needs_parser",
    [
        ("# [guard]\n\n  ; mode = disabled\n", False),
        ("[guard]\nmode = permissive\n", False),
        ("[lvm]\ndevices = /dev/a,\n    /dev/b\n", True),
    ],
)
def test_a_host_with_options(tmp_path, trace, text, needs_parser):
    """The parser is loaded for a file that is not plain."""
    path = tmp_path / "x.conf"
    path.write_text(text)
    hooks = hookrunner.install(str(tmp_path / "hooks"), str(path))
    data = vmxml.vm(NO_STORAGE)
    run = hookrunner.vdsm
    assert_allowed(run(hooks, "before_vm_start", data, as_user=trace.as_user))
    importers = trace.importers()
    parser = {"configparser", "re", "vdsm_backup.config_parser"}
    assert parser & set(importers) == (parser if needs_parser else set())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("flag", ["True", "False"])
def test_a_hook_that_reads_a_domain(guarded_host, domain, trace, way, flag):
    """With a file domain and a block domain, until it has answered."""
    domain.flag(flag)
    outcome = WAYS[way](guarded_host, domain.disk(), trace.as_user)
    if flag == "True":
        assert_refused(outcome, 994)
    else:
        assert_allowed(outcome)
    importers = trace.importers()
    readers = {
        "file": ["storage.file", "fileio.choose"],
        "block": ["lvm.vgs", "lvm.report"],
    }
    assert {
        "vdsm_backup.hooks.entry",
        "vdsm_backup.hooks.answer",
        *(f"vdsm_backup.{name}" for name in readers[domain.kind]),
    } <= set(importers)
    assert slow(importers) == {}
    of_kind = {"file": FILE, "block": BLOCK}[domain.kind]
    may = [XML, READING, of_kind, TOLD if flag == "True" else {}]
    assert by_us(importers) <= {name for each in may for name in each}
    # Only who is told of a flag, and asks for a permit, needs these. A hook
    # makes and lists none.
    told = {"vdsm_backup.guard.audit", "vdsm_backup.guard.permits"}
    assert told & set(importers) == (told if flag == "True" else set())
    assert "vdsm_backup.guard.permit_files" not in importers


@needs_other_user
def test_a_fault(tmp_path, trace):
    """Of a VM that cannot be judged the journal is told, no storage read."""
    host = Unconfigured(tmp_path / "hooks")
    outcome = host.vdsm("before_vm_start", b"", as_user=trace.as_user)
    assert_refused(outcome, 996)
    importers = trace.importers()
    assert slow(importers) == {}
    assert by_us(importers) <= XML.keys() | TOLD.keys()


# Loaded only where they are needed, when a hook has begun to look at a VM.
LATE = """
    config_parser processes.defaults processes.jobs
    guard.verdict guard.reading guard.audit guard.permits guard.refusal
    storage.direct storage.direct_file storage.file metadata.lines host.journal
""".split()


@pytest.mark.parametrize("module", LATE)
def test_what_cannot_be_loaded_lets_nothing_through(
    guarded_host, nfs, tmp_path, module
):
    nfs.flag("True")
    with open(guarded_host.cli.config, "a") as f:
        # Not plain, so that the parser of all files is needed, too.
        f.write("\r\n")
    broken = f"sys.modules['vdsm_backup.{module}'] = None"
    point, name = "before_vm_start", hookrunner.NAME
    with open(os.path.join(guarded_host.hooks, point, name)) as f:
        script = f.read().replace("import sys\n", f"import sys\n{broken}\n")
    assert broken in script
    hookrunner.add(str(tmp_path), point, name, script)
    outcome = hookrunner.vdsm(str(tmp_path), point, vmxml.vm(nfs.disk()))
    assert (outcome.refused, outcome.code) == (True, 2)
    assert "999" in outcome.err and "ot because" in outcome.err


def ours(importers):
    return {name for name in importers if name.startswith("vdsm_backup")}


def standard(importers):
    return {
        name
        for name in importers
        # pyexpat.model, also as xml.parsers.expat.model, and the like.
        if not name.startswith(
            ("vdsm_backup", "pyexpat.", "xml.parsers.expat.")
        )
    }


def by_us(importers):
    """Modules of the standard library that one of ours has imported first."""
    return {
        name
        for name, by in importers.items()
        if by.startswith("vdsm_backup") and not name.startswith("vdsm_backup")
    }


def slow(importers):
    return {name: by for name, by in importers.items() if name in SLOW}


# Modules that a hook starts as processes, and waits for.
CHILDREN = [
    "vdsm_backup.fileio.reader",
    "vdsm_backup.fileio.worker",
    "vdsm_backup.vm.resolve_links",
]

# What it imports itself for a VM with several block domains or LUNs.
TOGETHER = ["vdsm_backup.storage.together", "vdsm_backup.storage.lun"]


# What it has loaded when it forks the reader of file domains.
BEFORE_THE_FORK = [
    "vdsm_backup.storage.direct",
    "vdsm_backup.fileio.reader",
    "vdsm_backup.vm.followers",
]


@pytest.mark.parametrize("module", [*CHILDREN, *TOGETHER])
def test_what_a_hook_waits_for_loads_nothing_slow(module):
    assert loaded_by(module) & SLOW == set()


@pytest.mark.parametrize("module", BEFORE_THE_FORK)
def test_the_reader_is_forked_from_a_small_process(module):
    """OpenSSL is for checksums, and enumerations of signals for nobody."""
    assert loaded_by(module) & {"hashlib", "signal", "enum"} == set()


def loaded_by(module):
    command = [*BARE, importone.__file__, ROOT, module]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert module in loaded
    return loaded


@pytest.mark.parametrize("module", sorted(SLOW))
def test_a_slow_import_is_seen(trace, tmp_path, module):
    """So that the tests above do not pass because nothing is told."""
    text = f"import {module}, os\nos._exit(0)\n"
    hookrunner.add(str(tmp_path), "before_vm_start", hookrunner.NAME, text)
    outcome = hookrunner.vdsm(
        str(tmp_path), "before_vm_start", b"", as_user=trace.as_user
    )
    assert_allowed(outcome)
    assert slow(trace.importers())[module] == "__main__"
