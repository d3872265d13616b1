# SPDX-License-Identifier: GPL-2.0-or-later
"""
VDSM writes a domain without a lease while we change its flag: at which call of
ours, and what has to come of it.
"""

import os

from tests.support.storage.filewriting import no_steps
from vdsm_backup import errors
from vdsm_backup.change import overlap
from vdsm_backup.metadata import encoding, flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.base import Overlapped

# What VDSM writes: {key: value}, and None for a key that it takes away.
KINDS = {
    # StoragePool._acquireTemporaryClusterLock, before it takes any lock.
    "pool creation": {"LEASETIMESEC": "61", "LEASERETRIES": "4"},
    # StorageDomain.detach
    "detach": {"POOL_UUID": "", "ROLE": "Regular"},
    # BlockStorageDomainManifest.reduceVG, and any key that others know.
    "keys come and go": {"PV1": None, "DESCRIPTION": "new", "KEY": "x"},
}


class Held:
    """A lease that we have."""

    certain = True

    def check(self):
        pass

    def is_certain(self):
        return self.certain


class Points:
    """
    Is called before each call of a storage, with the name of the call. Does
    then what is planned for the n-th one.
    """

    def __init__(self):
        self.names = []
        self._plan = {}

    def plan(self, number, action):
        self._plan.setdefault(number, []).append(action)

    def __call__(self, name):
        self.names.append(name)
        for action in self._plan.pop(len(self.names), ()):
            action()


class Calls:
    """Something of which some calls are points."""

    def __init__(self, inner, points, names=None):
        self._inner = inner
        self._points = points
        self._names = names

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if name == "only":
            return lambda *a: Calls(found(*a), self._points, self._names)
        if not callable(found) or self._names and name not in self._names:
            return found

        def call(*args, **kwargs):
            self._points(name)
            return found(*args, **kwargs)

        return call


class VdsmLike:
    """
    The dict of a domain that a VDSM has in memory, as
    lib/vdsm/storage/persistent.py has it. tests/vdsm has the real one.
    """

    def __init__(self, changes):
        self.changes = changes
        self.written = None

    def refresh(self):
        """It reads the domain. Later it writes what it knows from here."""
        self._values = md_lines.parse(self.readlines()).values

    def begin(self):
        """The first half of a write."""
        values = {**self._values, **self.changes}
        values = {k: v for k, v in values.items() if v is not None}
        self._lines = md_lines.flush(values)
        self._prepare(self._lines)

    def end(self):
        """The second half, after which others see it."""
        self._commit()
        self.written = self._lines


class FileVdsm(VdsmLike):
    """FileMetadataRW of fileSD.py. path: of the metadata."""

    def __init__(self, path, changes):
        super().__init__(changes)
        self._path = path

    def readlines(self):
        with open(self._path, "rb") as f:
            return f.read().decode().splitlines()

    def _prepare(self, lines):
        with open(f"{self._path}.new", "wb") as f:
            f.write(encoding.encode_file(lines))

    def _commit(self):
        os.rename(f"{self._path}.new", self._path)


class TagVdsm(VdsmLike):
    """VGTagMetadataRW of blockSD.py. domain: a BlockDomain."""

    def __init__(self, domain, changes):
        super().__init__(changes)
        self._domain = domain

    def readlines(self):
        return self._domain.lines()

    def _prepare(self, lines):
        current, wanted = set(self.readlines()), set(lines)
        self._delete = [encoding.encode_tag(x) for x in current - wanted]
        self._add = [encoding.encode_tag(x) for x in wanted - current]

    def _commit(self):
        if self._delete or self._add:
            self._domain.change_tags(self._add, self._delete)


def write_merging(storage, old, new, held=None):
    """As change/write.py, but in this process."""

    def write_once(old, new):
        try:
            storage.write(old, new, no_steps)
        except errors.Error as e:
            if isinstance(e.__cause__, Overlapped):
                raise overlap.Overlap(e, e.__cause__)
            raise

    return overlap.merging(write_once, storage, held or Held(), old, new)


def with_flag(lines, reason):
    wanted = flag.Flag(True, reason, "a@b", "2026-11-22T11:40:00Z")
    return md_lines.flush(flag.apply(md_lines.parse(lines).values, wanted))


def assert_merged(sd_id, lines, new, changes):
    """These lines are whole, with our flag and with VDSM's changes."""
    md = md_lines.require(lines, sd_id)
    assert (md.seal, md.dropped) == ("valid", ())
    wanted = {**md_lines.parse(new).values, **changes}
    assert md.values == {k: v for k, v in wanted.items() if v is not None}
