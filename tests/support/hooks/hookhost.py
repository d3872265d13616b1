# SPDX-License-Identifier: GPL-2.0-or-later
"""
A host with our hooks and with storage domains whose flag tests set.

    with hookhost.HookHost(directory) as host:
        nfs = host.file_domain()
        nfs.flag("True")
        host.start(vmxml.vm(nfs.disk())).refused

Its hooks are processes of their own, on real storage: files, and VGs on loop
devices. They get another configuration, and another /run/vdsm, nothing else.
"""

import contextlib
import os
import re

from tests.support import rundir, testhost
from tests.support.closing import Closing
from tests.support.hooks import hookrunner, vmxml
from tests.support.hooks.needs import VDSM
from tests.support.storage import filedomain
from tests.support.storage.blockdomain import BlockDomain
from vdsm_backup.metadata import lines as md_lines

FLAG = {
    "BACKUP_REASON": "nightly copies of site A",
    "BACKUP_BY": "admin@host1",
    "BACKUP_SINCE": "2026-11-22T11:40:00Z",
}


class HookHost(Closing):
    """
    config: options of testhost.Host. as_user: see hookrunner.vdsm().
    """

    def __init__(self, directory, as_user=(), **config):
        self.dir = directory
        self.as_user = list(as_user)
        self.lv_dir = os.path.join(directory, "dev")
        os.mkdir(self.lv_dir)
        self.cli = testhost.Host(
            os.path.join(directory, "host"), lv_dir=self.lv_dir, **config
        )
        self.configure = self.cli.configure
        self.vdsm_run = os.path.join(directory, "run-vdsm")
        self.hooks = hookrunner.install(
            os.path.join(directory, "hooks"), self.cli.config, self.vdsm_run
        )
        self._blocks = []
        self._guard = {}

    def close(self):
        for block in self._blocks:
            block.close()
        self.cli.close()

    def guard(self, **options):
        """Replaces what was set before."""
        self.configure(**{**dict.fromkeys(self._guard), **options})
        self._guard = options

    # Storage

    def file_domain(self, version=5, mount=None, name="backups-nfs", **more):
        mount = mount or self.cli.mount
        return FileDomain(self, mount, version, name, more)

    def block_domain(self, version=5, name="backups-san"):
        made = LvDomain(self, version, name)
        self._blocks.append(made.block)
        devices = [d for block in self._blocks for d in block.devices]
        self.configure(devices=", ".join(devices))
        return made

    # Hooks

    def vdsm(self, point, data, **options):
        options.setdefault("as_user", self.as_user)
        return hookrunner.vdsm(self.hooks, point, data, **options)

    def start(self, data, **options):
        return self.vdsm("before_vm_start", data, **options)

    def libvirt(self, operation, data, **options):
        options.setdefault("as_user", self.as_user)
        return hookrunner.libvirt(self.hooks, operation, data, **options)

    def launch(self, vm_id=vmxml.VM):
        """What VDSM leaves before it really starts a VM; returns the path."""
        path = os.path.join(self.vdsm_run, vm_id, "launchflags")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write("0")
        return path


@contextlib.contextmanager
def reading_as_vdsm():
    """A host in a directory of its own; its hooks read storage as vdsm."""
    path = rundir.make("hooks")
    with HookHost(path, user=VDSM[0], group=VDSM[1]) as host:
        yield host
    rundir.remove(path)


class _Domain:
    """
    sd_id, name. kind: of its disks in XML. path: of a volume, and paths are
    other names of it.
    """

    def disk(self, name=None, **options):
        path = self.paths()[name] if name else self.path
        return vmxml.disk(path, self.kind, **options)

    def flag(self, value, **more):
        """BACKUP is set to this value, None takes it away."""
        values = dict(self.values)
        if value is not None:
            values.update({"BACKUP": value, **FLAG, **more})
        self.put(md_lines.flush(values))


class FileDomain(_Domain):

    kind = "file"

    def __init__(self, host, mount, version, name, more):
        self.name, self.mount = name, mount
        self.sd_id = filedomain.make(mount, version, name=name, **more)
        self.values = filedomain.metadata(self.sd_id, version, name=name)
        self.directory = os.path.join(mount, self.sd_id)
        self.path = os.path.join(
            self.directory, "images", vmxml.IMAGE, vmxml.VOLUME
        )
        os.makedirs(os.path.dirname(self.path))
        with open(self.path, "wb") as f:
            f.truncate(1024)
        self._repo = host.cli.repo
        _link(self.directory, os.path.join(self._repo, vmxml.POOL, self.sd_id))

    def paths(self):
        image = os.path.join(vmxml.IMAGE, vmxml.VOLUME)
        pool = os.path.join(self._repo, vmxml.POOL, self.sd_id)
        return {
            "mount": self.path,
            "pool": os.path.join(pool, "images", image),
            "run": f"/run/vdsm/storage/{self.sd_id}/{image}",
        }

    def put(self, lines):
        filedomain.put(self.mount, self.sd_id, lines)

    def put_bytes(self, data):
        filedomain.put_bytes(self.mount, self.sd_id, data)

    @property
    def metadata(self):
        return filedomain.path(self.mount, self.sd_id)


class LvDomain(_Domain):

    kind = "block"

    def __init__(self, host, version, name):
        self.name = name
        self.block = BlockDomain(host.dir, version=version, DESCRIPTION=name)
        self.sd_id = self.block.sd_id
        self.values = self.block.values
        self._repo = host.cli.repo
        self.path = os.path.join(host.lv_dir, self.sd_id, vmxml.VOLUME)
        # As blockSD.py links them; the LV itself is not activated here.
        self._images = os.path.join(
            self._repo, "mnt", "blockSD", self.sd_id, "images", vmxml.IMAGE
        )
        _link(self.path, os.path.join(self._images, vmxml.VOLUME))
        _link(
            os.path.dirname(os.path.dirname(self._images)),
            os.path.join(self._repo, vmxml.POOL, self.sd_id),
        )

    def paths(self):
        image = os.path.join(vmxml.IMAGE, vmxml.VOLUME)
        pool = os.path.join(self._repo, vmxml.POOL, self.sd_id)
        mapped = "-".join(
            name.replace("-", "--") for name in (self.sd_id, vmxml.VOLUME)
        )
        return {
            "device": self.path,
            "blockSD": os.path.join(self._images, vmxml.VOLUME),
            "pool": os.path.join(pool, "images", image),
            "run": f"/run/vdsm/storage/{self.sd_id}/{image}",
            "mapper": f"/dev/mapper/{mapped}",
        }

    def put(self, lines):
        self.block.put(lines)


def _link(target, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(target, path)


def assert_line(text, code):
    """One line of ours as users may see it, with the code of an error."""
    assert 0 < len(text) <= 200
    assert text.isascii() and text.isprintable(), text
    assert not re.search(r"[\\\"]|Traceback|File '", text), text
    ends = {
        994: r"\(error 994\); copy the disk elsewhere",
        995: r"\(error 995: \d{3,4}\)",
    }
    assert re.search(f" {ends.get(code, rf'.error {code}.')}$", text), text


def assert_refused(outcome, code):
    assert (outcome.refused, outcome.code) == (True, 2), outcome
    assert outcome.out == ""
    assert_line(outcome.err, code)


def assert_allowed(outcome):
    assert (outcome.refused, outcome.code) == (False, 0), outcome
    assert (outcome.err, outcome.out) == ("", "")
