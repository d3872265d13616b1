# SPDX-License-Identifier: GPL-2.0-or-later
"""
VGs, read and changed by lvm commands that are limited to some devices.

Reading is wide: lvm uses all configured devices, so that a replica beside its
origin is seen. Changing is narrow: lvm uses the devices of that one VG, so
that another LUN that hangs cannot stop a command that writes.
"""

from __future__ import annotations

import os
import threading
import time

from vdsm_backup import errors
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.lvm import layout as lvm_layout
from vdsm_backup.lvm import report as lvm_report
from vdsm_backup.lvm.limited import Limited, messages
from vdsm_backup.lvm.scan import Scan
from vdsm_backup.processes.jobs import Jobs
from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Sequence

    from vdsm_backup.lvm.scan import Vg

# Seconds between two attempts to take the lock of a VG.
LOCK_POLL = 0.2


class Lvm(Limited):
    """
    Reads and changes the VGs that are on its devices. Without devices, no VG
    is found and no lvm is run.
    """

    # Reading

    def scan(self) -> Scan:
        """
        A Scan of the devices that answer: a device that hangs does not hide
        the VGs on others. Where one may hang, the timeout is shared by three
        attempts: all devices together, each device alone, and then those that
        answered.

        Raises LvmFailed. Raises StorageTimeout if lvm does not answer though
        each device does when it is asked alone.
        """
        if len(self.devices) < 2:
            return self.scan_once()
        try:
            return self.only(self.devices, self.timeout / 2).scan_once()
        except errors.StorageTimeout as timeout:
            failed = self._failures_alone(self.timeout / 4)
            if not failed:
                raise timeout
            rest = [device for device in self.devices if device not in failed]
            found = self.only(rest, self.timeout / 4).scan_once()
            return found._replace(unread={**found.unread, **failed})

    def scan_once(self) -> Scan:
        """
        A Scan of all devices, in one attempt: if one hangs, nothing is known.

        Raises LvmFailed, StorageTimeout.
        """
        if not self.devices:
            return Scan([], {})
        # --all: without it lvm hides duplicates. --foreign, --shared: without
        # them lvm hides VGs of other hosts, and "not found" would be wrong.
        args = ["--all", "--foreign", "--shared"]
        args += _report_options(lvm_report.PV_FIELDS)
        report = self._parsed(lvm_report.pvs, "pvs", args)
        listed = {os.path.realpath(name) for name in report.listed}
        unlisted = [
            name
            for name in self.devices
            if os.path.realpath(name) not in listed
        ]
        # Devices that lvm left out come first: they may be why the metadata
        # of a VG was not found. pick() raises the first error.
        unread, rejected = self._left_out(unlisted) if unlisted else ({}, {})
        unread.update({name: _orphan(name) for name in report.orphans})
        no_pv = [*report.no_pv, *rejected]
        areas = report.without_areas
        return Scan(report.vgs, unread, no_pv, areas, rejected)

    def find_to_read(self, name: str) -> Vg:
        """
        The VG of a domain, by the devices that answer. Raises as scan() and
        Scan.pick().
        """
        return self.scan().pick(name)

    def find_to_change(self, name: str) -> Vg:
        """
        The VG of a domain, if all devices answer. Raises StorageTimeout if
        one hangs, since a replica may be on that device; else as
        find_to_read().
        """
        return self.scan_once().pick(name)

    def lvs(self, vg: Vg) -> list[lvm_report.Lv]:
        """The LVs of a VG. Raises LvmFailed, StorageTimeout."""
        args = [*_report_options(lvm_report.LV_FIELDS), "--", vg.name]
        return self.only(vg.devices)._parsed(lvm_report.lvs, "lvs", args)

    def layout(self, vg: Vg) -> lvm_layout.Layout:
        """How a VG is laid out. Raises LvmFailed, StorageTimeout."""
        narrow, units = self.only(vg.devices), ["--units", "b", "--nosuffix"]
        pvs = [*_report_options(lvm_layout.PV_FIELDS), *units]
        lvs = ["--segments", *_report_options(lvm_layout.LV_FIELDS), *units]
        return lvm_layout.Layout(
            narrow._parsed(lvm_layout.pvs, "pvs", [*pvs, "--", *vg.devices]),
            narrow._parsed(lvm_layout.lvs, "lvs", [*lvs, "--", vg.name]),
        )

    def _failures_alone(self, timeout: float) -> dict[str, errors.Error]:
        """The error of each device that fails when it is asked alone."""
        asked = Jobs(
            {
                device: self.only([device], timeout).scan_once
                for device in self.devices
            }
        )
        failed: dict[str, errors.Error] = {}
        # No deadline is needed: each command has its timeout, and ends.
        for device, _, error in asked.results(lambda: threading.TIMEOUT_MAX):
            if isinstance(error, (errors.StorageTimeout, errors.LvmFailed)):
                failed[device] = error
            elif error:
                raise error
        return failed

    def _left_out(
        self, devices: Sequence[str]
    ) -> tuple[dict[str, errors.Error], dict[str, str]]:
        """
        (the error, or why lvm says that it is something else than a PV) of
        each of these devices, which lvm left out of its report. A device of
        which lvm says nothing has an error: it may be back now, but what is on
        it was not read.
        """
        # Columns are named because the default is the host's lvm.conf. They
        # are not only those of the PV's label, for which lvm gives no reasons
        # (2.03.16).
        args = ["--options", lvm_report.PV_FIELDS, "--", *devices]
        narrow = self.only(devices)
        result = narrow._run("pvs", args)
        if result.rc is None:
            narrow._check("pvs", result)
        reasons = {
            os.path.realpath(name): reason
            for name, reason in lvm_report.left_out(result.err).items()
        }
        why = {
            os.path.realpath(name): reason
            for name, reason in lvm_report.rejected(result.err).items()
        }
        unread: dict[str, errors.Error] = {}
        rejected: dict[str, str] = {}
        for name in devices:
            unexplained = f"{name} was left out: {messages(result)}"
            reason = reasons.get(os.path.realpath(name), unexplained)
            if reason:
                reason = printable(reason)
                unread[name] = errors.LvmFailed("pvs", result.rc, reason)
            else:
                rejected[name] = why[os.path.realpath(name)]
        return unread, rejected

    # Changing

    def change_tags(
        self,
        vg: Vg,
        add: Iterable[str],
        delete: Iterable[str],
        only_with: Sequence[str] = (),
    ) -> None:
        """
        Change tags of a VG by one vgchange, which is one commit of the VG's
        metadata. If a PV is missing when vgchange reads the VG, nothing is
        changed.

        only_with: tags of plain characters. If the VG does not have all of
            them when vgchange reads the VG, nothing is changed.

        lvm exits with 0 also if a PV is missing, or one of only_with, or a
        tag to delete. So the caller reads the tags back.

        Raises LvmFailed, also if lvm had to be killed. Raises StorageTimeout
        if lvm has not ended even so, and may still write. Raises WriteFailed
        if another command has the lock of the VG all the time: nothing was
        written then.
        """
        # A PV that is missing now would be marked as missing for good.
        select = "vg_missing_pv_count=0"
        if only_with:
            tags = " && ".join(f'"{tag}"' for tag in only_with)
            select += f" && vg_tags={{{tags}}}"
        args = ["--autobackup", "n", "--select", select]
        for tag in sorted(delete):
            args += ["--deltag", tag]
        for tag in sorted(add):
            args += ["--addtag", tag]
        narrow = self.only(vg.devices)
        deadline = time.monotonic() + self.timeout
        while True:
            # lvm would wait for the lock for ever, and when it is killed then,
            # nobody could say whether it has written.
            result = narrow._run(
                "vgchange", [*args, "--", vg.name], wait_for_locks=False
            )
            if not lvm_command.lock_is_held(result):
                narrow._check_change("vgchange", result)
                return
            if time.monotonic() >= deadline:
                reason = (
                    "another command of this host has LVM's lock of the VG:"
                    f" {messages(result)}"
                )
                raise errors.WriteFailed(vg.name, "lock", reason)
            time.sleep(LOCK_POLL)

    def activate(self, vg: Vg, names: Iterable[str]) -> None:
        """Activate LVs of a VG. Raises LvmFailed, StorageTimeout."""
        self._lvchange(vg, names, "y")

    def deactivate(self, vg: Vg, names: Iterable[str]) -> None:
        """Deactivate LVs of a VG. Raises LvmFailed, StorageTimeout."""
        self._lvchange(vg, names, "n")

    def cfgbackup(self, vg: Vg, path: str) -> None:
        """
        Write the VG's metadata into a file. Raises LvmFailed, StorageTimeout.
        """
        # To lvm the path is a format, with %s for the name of the VG.
        args = ["--file", path.replace("%", "%%"), "--", vg.name]
        self._change("vgcfgbackup", vg, args)

    def _lvchange(self, vg: Vg, names: Iterable[str], value: str) -> None:
        args = ["--autobackup", "n", "--activate", value, "--"]
        args += [f"{vg.name}/{name}" for name in names]
        self._change("lvchange", vg, args)

    def _change(self, command: str, vg: Vg, args: Sequence[str]) -> None:
        narrow = self.only(vg.devices)
        narrow._check_change(command, narrow._run(command, args))


def _orphan(device: str) -> errors.LvmFailed:
    reason = (
        f"PV {device} is in use but no VG was found using it: the LUN that has"
        " the metadata of its VG is not here, or destroyed"
    )
    return errors.LvmFailed("pvs", 0, reason)


def _report_options(fields: str) -> list[str]:
    return ["--reportformat", "json", "--options", fields]
