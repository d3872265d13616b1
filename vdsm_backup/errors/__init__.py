# SPDX-License-Identifier: GPL-2.0-or-later
"""
Every error a user can meet: one class a code.

The style is the one of VDSM's own errors: fields are set in __init__, the
text is the format string `msg`, which sees the error as `self`. The docstring
of a class is what `vdsm-backup-domain explain CODE` prints: what the code
means and what to do. `hints` are the next steps, shown under the message.

Codes are 956 to 999: free both in VDSM (lib/vdsm/storage/exception.py and
lib/vdsm/common/exception.py end below) and in the engine's VdcBllErrors, so
the same code may travel through VDSM's API. A code never changes its meaning
and is never used again.
"""

from vdsm_backup.errors.base import Error, by_code, from_fields
from vdsm_backup.errors.change import (
    DomainAttached,
    DomainInUse,
    FlagUndone,
    FlagWouldBeLost,
    HistoryFailed,
    HistoryNotFound,
    InvalidReason,
    MetadataChanged,
    OutcomeUnknown,
    RestoreRefused,
    UndoFailed,
    VdsmRunning,
)
from vdsm_backup.errors.domain import (
    AmbiguousDomain,
    DomainDetached,
    DomainNotFound,
    HostedEngineDomain,
    UnsupportedClass,
    UnsupportedVersion,
)
from vdsm_backup.errors.guard import DomainFlagged, FlagUnknown, VmUnclear
from vdsm_backup.errors.lease import (
    HostIdInUse,
    HostsLive,
    LeaseBusy,
    LeaseLost,
    LeaseTimeout,
    SanlockFailed,
)
from vdsm_backup.errors.own import (
    ConfigInvalid,
    InternalError,
    Interrupted,
    InvalidArgument,
    InvalidTag,
    WrongUsage,
)
from vdsm_backup.errors.storage import (
    DamagedMetadata,
    InvalidFlag,
    LvmFailed,
    MetadataMissing,
    MetadataUnreadable,
    NotMetadata,
    SealBroken,
    SealMissing,
    StorageTimeout,
    VolumeGroupUnsafe,
    WriteFailed,
)

__all__ = [
    "Error",
    "by_code",
    "from_fields",
    "DomainNotFound",
    "AmbiguousDomain",
    "UnsupportedVersion",
    "UnsupportedClass",
    "HostedEngineDomain",
    "MetadataMissing",
    "MetadataUnreadable",
    "StorageTimeout",
    "NotMetadata",
    "SealBroken",
    "SealMissing",
    "InvalidFlag",
    "DamagedMetadata",
    "VolumeGroupUnsafe",
    "LvmFailed",
    "WriteFailed",
    "InvalidReason",
    "DomainAttached",
    "DomainDetached",
    "VdsmRunning",
    "HostsLive",
    "DomainInUse",
    "LeaseBusy",
    "HostIdInUse",
    "SanlockFailed",
    "LeaseTimeout",
    "LeaseLost",
    "MetadataChanged",
    "OutcomeUnknown",
    "UndoFailed",
    "HistoryFailed",
    "HistoryNotFound",
    "RestoreRefused",
    "FlagUndone",
    "FlagWouldBeLost",
    "DomainFlagged",
    "FlagUnknown",
    "VmUnclear",
    "ConfigInvalid",
    "InvalidArgument",
    "InvalidTag",
    "WrongUsage",
    "Interrupted",
    "InternalError",
]
