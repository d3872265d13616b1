# SPDX-License-Identifier: GPL-2.0-or-later
"""
The domain of a case: how it is put there, what is on storage, and what others
do to it. All of it goes past the mount that fails and hangs, and past the
locks of lvm, as if it were on another host.
"""

import contextlib
import os
import re
from unittest import mock

from tests.support.storage import filedomain
from tests.support.storage.filewriting import no_steps
from vdsm_backup import errors
from vdsm_backup.fileio import choose
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.metadata import encoding, flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.block import BlockStorage
from vdsm_backup.storage.file import FileStorage

# A key that neither we nor VDSM know, and that must be kept.
MORE = {"X_UNKNOWN": "a=b & <c> \u00e4"}


class OnFiles:
    """root: the directory behind the mount."""

    kind = "file"

    def __init__(self, root):
        self._root = root
        self.sd_id = filedomain.make(root, **MORE)
        self.values = filedomain.metadata(self.sd_id, **MORE)

    @property
    def dom_md(self):
        return os.path.join(self._root, self.sd_id, "dom_md")

    def put(self, lines):
        """These lines and nothing else; None: no metadata."""
        for name in os.listdir(self.dom_md):
            if name.startswith("metadata"):
                os.unlink(os.path.join(self.dom_md, name))
        if lines is not None:
            filedomain.put(self._root, self.sd_id, lines)

    def lines(self):
        try:
            data = filedomain.get_bytes(self._root, self.sd_id)
        except FileNotFoundError:
            return None
        return encoding.decode_file(data, self.sd_id)

    @contextlib.contextmanager
    def storage(self):
        """That of another host."""
        directory = os.path.join(self._root, self.sd_id)
        with choose.open("embedded", directory, 10) as io:
            yield FileStorage(self.sd_id, directory, io, 0)

    def write_as_vdsm(self, lines):
        """fileSD.py, FileMetadataRW.writelines()."""
        path = os.path.join(self.dom_md, "metadata")
        with open(f"{path}.new", "wb") as f:
            f.write(encoding.encode_file(lines))
        os.chmod(f"{path}.new", 0o644)
        os.rename(f"{path}.new", path)

    def left(self):
        names = os.listdir(self.dom_md)
        return [n for n in names if re.match(r"metadata.", n)]


class OnLvm:
    """
    domain: a BlockDomain. system_dir: for LVM_SYSTEM_DIR of the other host.
    """

    kind = "block"

    def __init__(self, domain, system_dir):
        self._domain = domain
        self._env = {"LVM_SYSTEM_DIR": system_dir}
        self.sd_id = domain.sd_id
        self.values = {**domain.values, **MORE}

    def _elsewhere(self):
        return mock.patch.dict(os.environ, self._env)

    def put(self, lines):
        with self._elsewhere():
            self._domain.put(lines)

    def lines(self):
        with self._elsewhere():
            return self._domain.lines()

    @contextlib.contextmanager
    def storage(self):
        """That of another host."""
        lvm = Lvm(self._domain.devices, 30)
        with self._elsewhere():
            yield BlockStorage(self.sd_id, lvm, self._domain.lv_dir)

    def write_as_vdsm(self, lines):
        """blockSD.py, LvMetadataRW: one vgchange."""
        self.put(lines)

    def left(self):
        return []


def seal(values, value, reason):
    """The lines with a flag; value None: without one."""
    base = {k: v for k, v in values.items() if k not in flag.KEYS}
    if value is not None:
        base.update({flag.BACKUP: value, flag.REASON: reason})
    return md_lines.flush(base)


def is_flagged(lines):
    return md_lines.parse(lines or []).values.get(flag.BACKUP) == "True"


def change_as_vdsm(domain, key):
    """
    VDSM changes a key, without a lease: the lines before and after, or None
    where it does not trust what is there.
    """
    before = domain.lines()
    if not md_lines.is_whole(before, domain.sd_id):
        return None
    values = md_lines.parse(before).values
    values[key] = str(int(values[key]) + 1)
    after = md_lines.flush(values)
    domain.write_as_vdsm(after)
    return before, after


def change_as_host(domain, reason):
    """
    Another host, which has the lease, sets or clears the flag: the lines
    before and after, and the error or None.
    """
    with domain.storage() as storage:
        before = None
        with contextlib.suppress(errors.MetadataMissing):
            before = storage.read()
        values = domain.values
        if md_lines.is_whole(before, domain.sd_id):
            values = md_lines.parse(before).values
        value = "False" if is_flagged(before) else "True"
        after = seal(values, value, reason)
        try:
            storage.write(before, after, no_steps)
        except errors.Error as e:
            return before, after, e
        return before, after, None
