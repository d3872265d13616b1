# SPDX-License-Identifier: GPL-2.0-or-later
"""
Our errors as VDSM's exceptions, with the same codes and texts as on our
command line, and VDSM's exceptions as our errors.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.text import os_reason

if TYPE_CHECKING:
    from typing import Callable, Iterator

# What whoever calls a verb could have known, beside refusals and arguments
# that make no sense. To VDSM none of these is a fault of its own.
_OF_THE_CALLER = (
    errors.DomainNotFound,
    errors.MetadataChanged,
    errors.UnsupportedClass,
    errors.UnsupportedVersion,
)


@contextlib.contextmanager
def as_vdsm() -> Iterator[None]:
    """
    Raise our errors as exceptions of which VDSM's dispatcher and API make a
    response.
    """
    try:
        yield
    except errors.Error as e:
        raise exception(e) from e


@contextlib.contextmanager
def as_ours(make: Callable[[str], errors.Error]) -> Iterator[None]:
    """
    Raise what VDSM's storage code raises as one of our errors.

    make: gives our error for the text of VDSM's.
    """
    import ioprocess
    from vdsm.common.exception import GeneralException

    try:
        yield
    except (ioprocess.Timeout, ioprocess.Closed, OSError) as e:
        raise make(os_reason(e) or type(e).__name__) from e
    except GeneralException as e:
        raise make(str(e)) from e


def exception(error: errors.Error, text: str | None = None) -> Exception:
    """
    One of our errors as an exception of VDSM, with the code that it has in
    verbs.

    text: in place of the error's own.
    """
    from vdsm.storage import exception as se

    # VDSM asks no other exceptions whether they are expected: Task._run().
    class BackupFlagError(se.StorageException):
        code = code_of(error)
        # An answer, not a fault of VDSM: no trace in its log.
        expected = is_expected(error)

        def __str__(self) -> str:
            return text or str(error)

    return BackupFlagError()


def code_of(error: errors.Error) -> int:
    """
    The code that an error has in verbs of VDSM and in refusals: one of those
    that are for them. An error that has none is a fault of ours there.
    """
    code = error.verb_code or error.code
    first, last = errors.RANGES[0]
    return code if first <= code <= last else errors.InternalError.code


def is_expected(error: errors.Error) -> bool:
    return (
        error.refusal or error.wrong_usage or isinstance(error, _OF_THE_CALLER)
    )


def refusal(known: type[Exception], text: str) -> Exception:
    """
    A refusal with the code of one of VDSM's own exceptions, for a verb of
    which the engine does not know our codes.

    known: the class of that exception. text: ours.
    """

    class BackupFlagRefusal(known):  # type: ignore[valid-type,misc]
        # An answer, not a fault of VDSM: no trace in its log.
        expected = True

        def __str__(self) -> str:
            return text

    return BackupFlagRefusal()
