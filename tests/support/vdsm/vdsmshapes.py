# SPDX-License-Identifier: GPL-2.0-or-later
"""
Small stand-ins for what the plugin meets in VDSM, for tests where there is no
VDSM. tests/vdsm/shapes_test.py compares their shape with the real thing.
"""

import contextlib
import sys
import threading
import types

from vdsm_backup.metadata import lines as md_lines


class PersistentDict:
    """VDSM's: from memory if that is valid, and all of it is written back."""

    def __init__(self, metaReaderWriter):
        self._syncRoot = threading.RLock()
        self._metaRW = metaReaderWriter
        self._metadata = {}
        self._isValid = False
        self._inTransaction = False

    @contextlib.contextmanager
    def _accessWrapper(self):
        with self._syncRoot:
            if not self._isValid:
                self._refresh()
            yield

    @contextlib.contextmanager
    def transaction(self):
        with self._syncRoot:
            if self._inTransaction:
                yield
                return
            self._inTransaction = True
            try:
                with self._accessWrapper():
                    before = dict(self._metadata)
                    try:
                        yield
                        if self._metadata != before:
                            self._flush(self._metadata)
                    except BaseException:
                        self._metadata = before
                        raise
            finally:
                self._inTransaction = False

    def update(self, metadata):
        with self.transaction():
            self._metadata.update(metadata)

    def copy(self):
        with self._accessWrapper():
            return self._metadata.copy()

    def invalidate(self):
        with self._syncRoot:
            self._isValid = False

    def _refresh(self):
        self._metadata = md_lines.parse(self._metaRW.readlines()).values
        self._isValid = True

    def _flush(self, overrideMD):
        self._metaRW.writelines(md_lines.flush(overrideMD))
        self._isValid = True


class FileMetadataRW:
    """In memory. faults: what the next reads raise; None is a good one."""

    def __init__(self, metafile):
        self._metafile = metafile
        self._sdUUID = metafile.split("/")[-3]
        self._oop = types.SimpleNamespace(glob=self)
        self.lines = []
        self.faults = []
        self.calls = []

    def glob(self, pattern):
        self.calls.append("list")

    def readlines(self):
        self.calls.append("read")
        fault = self.faults.pop(0) if self.faults else None
        if fault == "missing":
            return []
        if fault:
            raise fault
        return list(self.lines)

    def writelines(self, metadata):
        self.calls.append("write")
        self.lines = list(metadata)


class Schema:
    """vdsm.api.vdsmapi.Schema with the one verb that matters here."""

    def __init__(self, schema_types, strict_mode):
        self._methods = {}
        if "vdsm-api" in schema_types:
            info = {"name": "StorageDomainInfo", "properties": []}
            self._methods["StorageDomain.getInfo"] = {
                "params": [{"name": "storagedomainID", "type": "UUID"}],
                "return": {"type": info},
            }


class StorageException(Exception):
    code = 0

    def __init__(self, *args):
        super().__init__(*args)


class StorageDomainMetadataNotFound(StorageException):
    code = 364

    def __init__(self, sdUUID, path):
        super().__init__(f"sdUUID={sdUUID}, metafile path={path}")


class AcquireLockFailure(StorageException):
    code = 651


class AcquireHostIdFailure(StorageException):
    code = 661


EXCEPTIONS = (
    StorageDomainMetadataNotFound,
    AcquireLockFailure,
    AcquireHostIdFailure,
)


def be_imported(monkeypatch):
    """`from vdsm.storage import exception` gives these."""
    modules = {
        name: types.ModuleType(name)
        for name in ("vdsm", "vdsm.storage", "vdsm.storage.exception")
    }
    for cls in EXCEPTIONS:
        setattr(modules["vdsm.storage.exception"], cls.__name__, cls)
    modules["vdsm.storage"].exception = modules["vdsm.storage.exception"]
    modules["vdsm"].storage = modules["vdsm.storage"]
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
