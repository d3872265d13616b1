# SPDX-License-Identifier: GPL-2.0-or-later
"""
Where the commands of a runbook are typed: two hosts, their storage, and what
happens to it. See runbook.py.

Public methods without arguments are what a page may say that happens.
"""

import contextlib
import os
import re
import shutil
import sys

from tests.support import rundir
from tests.support.clifixtures import OWNER, A
from tests.support.closing import Closing
from tests.support.hooks import hookrunner, vmxml
from tests.support.lease import sanlockd
from tests.support.lease.leasedhost import LeasedHost
from tests.support.night import Night
from tests.support.nightblock import C
from tests.support.storage import filedomain, loop
from tests.support.storage.blockdomain import BlockDomain
from vdsm_backup.metadata import lines as md_lines

NAME = "backups-nfs"
REASON = "nightly copies of site A"
NEW_REASON = "copies, before the move"

# Data centers: the lost one, and the new one.
LOST = "1bd9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
NEW = "7e4d2c1a-0b9f-4e3d-8c7b-6a5f4e3d2c1b"

VM = "5d2b6f0e-3c1a-4b7d-9e8f-00000000000a"

_HOOKS = "/usr/libexec/vdsm/hooks"
_QEMU_D = "/etc/libvirt/hooks/qemu.d"
_SITE_CONF = "50-site.conf"


class Daemons(Closing):
    """The sanlock daemons of both hosts, for all sections of a page."""

    def __init__(self):
        with contextlib.ExitStack() as stack:
            self.first = stack.enter_context(sanlockd.Host("host1"))
            self.second = stack.enter_context(sanlockd.Host("host2"))
            self._stack = stack.pop_all()

    def close(self):
        self._stack.close()


class Stage(Closing):
    """
    types() is what an administrator does; all else is what happens.
    """

    def __init__(self, daemons):
        self._daemons = daemons
        self._stack = contextlib.ExitStack()
        self._dir = rundir.make("runbook")
        self._stack.callback(rundir.remove, self._dir)
        self._here = os.path.join(self._dir, "root")
        os.mkdir(self._here)
        # {what the page calls a path: the path}
        self._paths = {}
        self._hosts, self._nights = {}, {}
        self._add_host("host1", daemons.first)
        first = self._hosts["host1"]
        self._add_host("host2", daemons.second, repo_root=first.repo)
        second = self._hosts["host2"]
        second.repo, second.mount = first.repo, first.mount
        for name, host in self._hosts.items():
            self._nights[name].on(host)
        self._mount = first.mount
        hooks = os.path.join(self._dir, "hooks")
        hookrunner.install(hooks, first.config)
        # libvirt's are in another place.
        qemu_d = os.path.join(self._dir, "qemu.d")
        os.rename(os.path.join(hooks, "qemu.d"), qemu_d)
        self._call("/etc/vdsm-backup/conf.d", first.drop_ins)
        self._call("/rhev/data-center", first.repo)
        self._call("/root", self._here)
        self._call(_QEMU_D, qemu_d)
        self._call(_HOOKS, hooks)

    def _add_host(self, name, daemon, **options):
        directory = os.path.join(self._dir, name)
        user, group = OWNER
        history = f"{self._var_lib(name)}/vdsm-backup/history"
        options = {"user": user, "group": group, "dir": history, **options}
        host = LeasedHost(directory, sanlock=daemon, **options)
        host.history = history
        self._stack.callback(host.close)
        host.configure(io_timeout=8, settle=0)
        self._hosts[name] = host
        self._nights[name] = Night(directory, name, "")

    def _var_lib(self, name):
        return os.path.join(self._dir, name, "var", "lib")

    def close(self):
        self._stack.close()

    def _call(self, shown, path):
        self._paths[shown] = path
        for night in self._nights.values():
            night.call(path, shown)

    def types(self, name, line):
        """What a command says on a host, as lines."""
        paths = {**self._paths, "/var/lib": self._var_lib(name)}
        for shown in sorted(paths, key=len, reverse=True):
            end = r"(?![\w-])"
            path = paths[shown].replace("\\", r"\\")
            line = re.sub(rf"(?<![\w/-]){re.escape(shown)}{end}", path, line)
        self._nights[name].types(line, cwd=self._here)
        return self._nights[name].shown()

    # Domains

    def flagged(self):
        """A file domain that host2 has flagged, and that is detached."""
        self._make(POOL_UUID="")
        self._flag("host2")

    def flagged_by_host1(self):
        self._make(POOL_UUID="")
        self._flag("host1")

    def reason_changed_by_host1(self):
        self._flag("host1", "--replace", reason=NEW_REASON)

    def reason_changed_by_host2(self):
        self._flag("host2", "--replace", reason=NEW_REASON)

    def flagged_and_attached(self):
        """To a data center whose engine is lost."""
        self.flagged()
        self._change(POOL_UUID=LOST, ROLE="Regular")

    def not_flagged_and_attached(self):
        self._make(POOL_UUID=LOST)

    def attached_to_the_new_one(self):
        """As VDSM does it: it keeps all lines that it does not know."""
        self._change(POOL_UUID=NEW)

    def _make(self, **values):
        host = self._hosts["host1"]
        host.domain(sd_id=A, name=NAME, **values)

    def _flag(self, name, *options, sd_id=A, reason=REASON):
        by = f"admin@{name}.example.com"
        done = self._hosts[name].process(
            *("set", sd_id, "--reason", reason, "--by", by, *options)
        )
        assert done.code == 0, done

    def _change(self, **values):
        """By VDSM, so that the checksum is right."""
        found = self._hosts["host1"].values(A)
        lines = md_lines.flush({**found, **values})
        filedomain.put(self._mount, A, lines)

    # A copy of the storage

    def copied_to_another_export(self):
        """By a file server, and mounted for a look."""
        self._copy("/mnt/replica")

    def mounted_for_a_look(self):
        """The domain, which VDSM has not mounted on this host."""
        path = os.path.join(self._dir, "look")
        os.rename(self._mount, path)
        self._mount = path
        self._call("/mnt/look", path)

    def _copy(self, shown):
        path = os.path.join(self._dir, "replica")
        shutil.copytree(self._mount, path)
        for directory, _, names in os.walk(path):
            os.chown(directory, *OWNER)
            for name in names:
                os.chown(os.path.join(directory, name), *OWNER)
        self._call(shown, path)

    def flagged_luns(self):
        """A block domain on two LUNs, which host2 has flagged."""
        directory = self._stack.enter_context(loop.own_directory())
        run = os.path.basename(directory).rpartition("-")[2]
        names = [f"36001405{i}{run}" for i in (1, 2)]
        self._luns = BlockDomain(directory, wwids=names, DESCRIPTION="backups")
        self._stack.callback(self._luns.close)
        for i, device in enumerate(self._luns.devices):
            self._call(f"/dev/mapper/LUN{i + 1}", device)
        for night in self._nights.values():
            night.call(self._luns.lv_dir, "/dev")
            night.call(self._luns.sd_id, C)
            for i, name in enumerate(names):
                night.call(name, f"LUN{i + 1}")
        self._paths[C] = self._luns.sd_id
        self._luns.initialize(self._daemons.first)
        self._sees(self._luns.devices)
        self._flag("host2", sd_id=self._luns.sd_id)

    def replica_appears(self):
        """The array shows both hosts a copy of the LUNs, too."""
        self._replicas = []
        for i, device in enumerate(self._luns.devices):
            replica = f"{device}r"
            os.symlink(self._luns.copy_device(i), replica)
            self._paths[f"/dev/mapper/LUN{i + 1}r"] = replica
            self._replicas.append(replica)
        self._sees([*self._luns.devices, *self._replicas])

    def origin_is_disconnected(self):
        self._sees(self._replicas)

    def _sees(self, devices):
        for host in self._hosts.values():
            host.configure(
                devices=", ".join(devices), lv_dir=self._luns.lv_dir
            )

    # Other hosts

    def host2_uses_the_domain(self):
        leases = self._hosts["host1"].leases(A)
        self._daemons.second.join(leases, 2)

    def host2_is_shut_down(self):
        leases = self._hosts["host1"].leases(A)
        self._daemons.second.leave(leases, 2)

    # Damage

    def edited_by_hand(self):
        self._edit(b"BACKUP=", b"BACKUP=Tru\n")

    def reason_cut(self):
        self._edit(b"BACKUP_REASON=", b"BACKUP_REASON=ni\n")

    def checksum_deleted(self):
        self._edit(b"_SHA_CKSUM=", b"")

    def metadata_gone(self):
        os.unlink(filedomain.path(self._mount, A))

    def _edit(self, old, new):
        """A line as by an editor: the checksum stays. b"" deletes it."""
        data = filedomain.get_bytes(self._mount, A)
        found = [x for x in data.splitlines(True) if x.startswith(old)]
        assert len(found) == 1
        data = data.replace(found[0], new)
        filedomain.put_bytes(self._mount, A, data)
        os.chown(filedomain.path(self._mount, A), *OWNER)

    # VMs and hooks

    def vm_on_it(self):
        """mail.xml: a VM with its disk on the domain."""
        images = os.path.join(self._mount, A, "images")
        disk = os.path.join(images, vmxml.IMAGE, vmxml.VOLUME)
        os.makedirs(os.path.dirname(disk))
        with open(disk, "w"):
            pass
        xml = vmxml.vm(vmxml.disk(disk), name="mail", uuid=VM)
        self._put_xml(xml)

    def vm_elsewhere(self):
        """mail.xml: a VM that has nothing to do with backups."""
        disk = vmxml.disk("/var/lib/libvirt/images/mail.qcow2")
        self._put_xml(vmxml.vm(disk, name="mail", uuid=VM))

    def _put_xml(self, xml):
        with open(os.path.join(self._here, "mail.xml"), "wb") as f:
            f.write(xml)

    def typo_in_the_configuration(self):
        drop_ins = self._hosts["host1"].drop_ins
        os.makedirs(drop_ins)
        with open(os.path.join(drop_ins, _SITE_CONF), "w") as f:
            f.write("[guard]\nmode = permisive\n")

    def new_file_for_all_hosts(self):
        with open(os.path.join(self._here, _SITE_CONF), "w") as f:
            f.write("[guard]\nmode = enforcing\n")

    def library_removed(self):
        """The hooks are there, and Python has no package of ours."""
        hooks = self._paths[_HOOKS]
        directories = [
            os.path.join(hooks, point) for point in os.listdir(hooks)
        ]
        for directory in [*directories, self._paths[_QEMU_D]]:
            with open(os.path.join(directory, hookrunner.NAME)) as f:
                text = f.read()
            old = f"#!{sys.executable} -I"
            assert text.count(old) == 1
            where = (directory, "", hookrunner.NAME)
            hookrunner.add(*where, text.replace(old, f"{old}S"))
