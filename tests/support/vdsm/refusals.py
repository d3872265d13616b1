# SPDX-License-Identifier: GPL-2.0-or-later
"""What VDSM refuses, as a client of its JSON-RPC sees it."""

import pytest

from tests.support.vdsm.vdsmhost import Failed


def refused(code, call, *args, **kwargs):
    """The text of the refusal. code: a number, or a class of errors."""
    with pytest.raises(Failed) as e:
        call(*args, **kwargs)
    assert e.value.code == getattr(code, "code", code)
    return e.value.text
