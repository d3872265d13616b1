# SPDX-License-Identifier: GPL-2.0-or-later
"""
Our errors as VDSM's exceptions, with the same codes and texts as on our
command line, and VDSM's exceptions as our errors.
"""

import contextlib

from vdsm_backup import errors


@contextlib.contextmanager
def as_vdsm():
    """What VDSM's dispatcher and API make a response of."""
    try:
        yield
    except errors.Error as e:
        raise exception(e) from e


@contextlib.contextmanager
def as_ours(make):
    """make(text): our error for what VDSM's storage code raises."""
    import ioprocess
    from vdsm.common.exception import GeneralException

    try:
        yield
    except (ioprocess.Timeout, ioprocess.Closed, OSError) as e:
        raise make(str(e) or type(e).__name__) from e
    except GeneralException as e:
        raise make(str(e)) from e


def exception(error, text=None):
    """One of our errors in VDSM's clothes; `text` in place of its own."""
    from vdsm.common.exception import GeneralException

    class BackupFlagError(GeneralException):
        code = error.code
        # An answer, not a fault of VDSM: no trace in its log.
        expected = error.refusal or error.wrong_usage

        def __str__(self):
            return text or str(error)

    return BackupFlagError()
