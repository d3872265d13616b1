# SPDX-License-Identifier: GPL-2.0-or-later
"""
LVM, limited to the devices that are meant.

Reading is wide: over all devices meant, so that a replica beside its origin
is seen. Changing is narrow: over the devices of that one VG, so that another
LUN that hangs cannot stop a command that writes.
"""

import copy
import os
import signal
import threading
from dataclasses import dataclass

from vdsm_backup import errors
from vdsm_backup.host.devices import require_plain
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.lvm import report as lvm_report
from vdsm_backup.processes.jobs import Jobs
from vdsm_backup.text import printable


@dataclass(frozen=True)
class Scan:
    """
    One look at all devices.

    vgs: all of them, not only safe ones.
    unread: the error of each device that hangs, cannot be read, or has a PV
    whose VG's metadata cannot be found.
    """

    vgs: list
    unread: dict

    @property
    def domains(self):
        """The VGs that are storage domains."""
        return [vg for vg in self.vgs if vg.is_domain]

    def pick(self, name):
        """
        The VG of a domain.

        Raises DomainNotFound, AmbiguousDomain if there are two of the name,
        VolumeGroupUnsafe if it is no storage domain or one of two copies; the
        error of a device on which it may be. "Not found" means that all
        devices were read.
        """
        found = [vg for vg in self.vgs if vg.name == name]
        if not found:
            for error in self.unread.values():
                raise error
            raise errors.DomainNotFound(name)
        if len(found) > 1:
            places = "; ".join(f"{vg.place} ({vg.uuid})" for vg in found)
            raise errors.AmbiguousDomain(name, places)
        vg = found[0]
        if not vg.is_domain:
            reason = f"it has no tag {lvm_report.DOMAIN_TAG}"
            raise errors.VolumeGroupUnsafe(name, reason)
        if vg.ambiguity():
            raise errors.VolumeGroupUnsafe(name, vg.ambiguity())
        return vg


class Lvm:
    """
    devices: paths; none means that there are no VGs, and runs no lvm.
        ConfigInvalid if lvm cannot be limited to one of them.
    timeout: seconds, for each command.
    stdin: a file that each command keeps open as long as it lives: the
    writer gives the registration of its lease (see change/writer.py).
    """

    def __init__(self, devices, timeout=30, stdin=None):
        self.devices = list(devices)
        for device in self.devices:
            require_plain(device)
        self.timeout = timeout
        self._stdin = stdin

    def describe(self):
        """What it takes to make it again, with another stdin."""
        return {"devices": self.devices, "timeout": self.timeout}

    def only(self, devices, timeout=None):
        """The same, limited to other devices."""
        other = copy.copy(self)
        other.devices = list(devices)
        other.timeout = timeout or self.timeout
        return other

    # Reading

    def scan(self):
        """
        The VGs on devices that answer, within the timeout, a part of it for
        each attempt: a device that hangs does not hide those on others.

        Raises LvmFailed; StorageTimeout if it is no single device.
        """
        if len(self.devices) < 2:
            return self._all()
        try:
            return self.only(self.devices, self.timeout / 2)._all()
        except errors.StorageTimeout as timeout:
            hung = self._hung(self.timeout / 4)
            if not hung:
                raise timeout
            rest = [device for device in self.devices if device not in hung]
            seen = self.only(rest, self.timeout / 4)._all()
            return Scan(seen.vgs, {**seen.unread, **hung})

    def find(self, name):
        """
        The VG of a domain, for reading. Raises as scan() and Scan.pick().
        """
        return self.scan().pick(name)

    def vg(self, name):
        """
        The VG of a domain, for changing it: no device may hang, since a
        replica may be on any. Raises as find().
        """
        return self._all().pick(name)

    def lvs(self, vg):
        args = [*_report(lvm_report.LV_FIELDS), "--", vg.name]
        return self.only(vg.devices)._parse(lvm_report.lvs, "lvs", args)

    def _hung(self, timeout):
        """The error of each device that fails when it is asked alone."""

        asked = Jobs(
            {
                device: self.only([device], timeout)._all
                for device in self.devices
            }
        )
        hung = {}
        # Each command has its timeout, and ends.
        for device, _, error in asked.results(lambda: threading.TIMEOUT_MAX):
            if isinstance(error, (errors.StorageTimeout, errors.LvmFailed)):
                hung[device] = error
            elif error:
                raise error
        return hung

    def _all(self):
        """A Scan in one attempt."""
        if not self.devices:
            return Scan([], {})
        # --all: without it lvm hides duplicates. --foreign, --shared: without
        # them it hides VGs of others, and "not found" would be wrong.
        args = ["--all", "--foreign", "--shared"]
        args += _report(lvm_report.PV_FIELDS)
        report = self._parse(lvm_report.pvs, "pvs", args)
        listed = {os.path.realpath(name) for name in report.listed}
        unlisted = [
            name
            for name in self.devices
            if os.path.realpath(name) not in listed
        ]
        # First what may be the cause of the rest.
        unread = self._unread(unlisted) if unlisted else {}
        unread.update({name: _orphan(name) for name in report.orphans})
        return Scan(report.vgs, unread)

    def _unread(self, devices):
        """
        The error of each of these devices, which lvm left out of its report,
        unless lvm says that the device is something else than a PV, for
        example that it has partitions. A device that lvm says nothing about
        has an error, too: it may be back, but nobody has seen what is on it.
        """
        # The default are columns of the host's lvm.conf. For columns of the
        # PV's label alone lvm gives no reasons (2.03.16).
        args = ["--options", lvm_report.PV_FIELDS, "--", *devices]
        narrow = self.only(devices)
        result = narrow._run("pvs", args)
        if result.rc is None:
            narrow._check("pvs", result)
        said = {
            os.path.realpath(name): words
            for name, words in lvm_report.left_out(result.err).items()
        }
        found = {}
        for name in devices:
            silent = f"{name} was left out: {_words(result)}"
            words = said.get(os.path.realpath(name), silent)
            if words:
                words = printable(words)
                found[name] = errors.LvmFailed("pvs", result.rc, words)
        return found

    def _parse(self, parser, command, args):
        result = self._run(command, args)
        self._check(command, result)
        try:
            return parser(result.out)
        except ValueError as e:
            words = f"its report is not understood: {e}"
            raise errors.LvmFailed(command, 0, printable(words))

    # Changing

    def change_tags(self, vg, add, delete, only_with=None):
        """
        One vgchange, one commit of the VG's metadata.

        only_with: a tag, plain text; a VG that does not have it when lvm reads
        it for this change is not changed.

        Neither that nor a tag to delete that is not there is an error for
        lvm: read back.

        Raises LvmFailed, also if lvm had to be killed; StorageTimeout if even
        that did not end it, and it may still write.
        """
        args = ["--autobackup", "n"]
        if only_with:
            args += ["--select", f'vg_tags={{"{only_with}"}}']
        for tag in sorted(delete):
            args += ["--deltag", tag]
        for tag in sorted(add):
            args += ["--addtag", tag]
        self._change("vgchange", vg, [*args, "--", vg.name])

    def activate(self, vg, names):
        self._lvchange(vg, names, "y")

    def deactivate(self, vg, names):
        self._lvchange(vg, names, "n")

    def cfgbackup(self, vg, path):
        # The path is a format with %s for the name of the VG.
        args = ["--file", path.replace("%", "%%"), "--", vg.name]
        self._change("vgcfgbackup", vg, args)

    def _lvchange(self, vg, names, value):
        args = ["--autobackup", "n", "--activate", value, "--"]
        args += [f"{vg.name}/{name}" for name in names]
        self._change("lvchange", vg, args)

    def _change(self, command, vg, args):
        narrow = self.only(vg.devices)
        result = narrow._run(command, args)
        if result.rc is None and result.ended:
            words = f"it did not answer within {self.timeout:g} seconds"
            raise errors.LvmFailed(command, -signal.SIGKILL, words)
        narrow._check(command, result)

    # Running

    def _run(self, command, args):
        limits = lvm_command.limits(self.devices)
        args = [command, *limits, *args]
        try:
            return lvm_command.run(args, self.timeout, self._stdin)
        except OSError as e:
            raise errors.LvmFailed(command, 127, printable(str(e)))

    def _check(self, command, result):
        if result.rc is None:
            what = f"lvm {command} on {', '.join(self.devices)}"
            raise errors.StorageTimeout(what, self.timeout)
        if result.rc:
            raise errors.LvmFailed(command, result.rc, _words(result))


def _orphan(device):
    words = f"PV {device} is in use but no VG was found using it"
    return errors.LvmFailed("pvs", 0, words)


def _report(fields):
    return ["--reportformat", "json", "--options", fields]


def _words(result):
    """LVM's own words: its errors, its warnings only if there is no more."""
    lines = [line.strip() for line in result.err.splitlines()]
    spoken = [line for line in lines if line and not _noise(line)]
    if result.rc is not None and result.rc < 0:
        spoken.append(f"killed by signal {-result.rc}")
    return printable("; ".join(spoken or lines))


def _noise(line):
    return line.startswith("WARNING:")
