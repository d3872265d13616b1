# SPDX-License-Identifier: GPL-2.0-or-later
"""The line of a refusal, whatever was in the XML."""

import pytest

from vdsm_backup import errors
from vdsm_backup.guard import policy, refusal
from vdsm_backup.guard.verdict import Finding, Verdict
from vdsm_backup.text import printable

SD = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1101"
# Escapes are up to six times as long, "\u202e".
ODD = "\u202e\x85" * 200


def line(cause, count=1):
    disk = f"disk {printable(ODD)}"
    found = Finding(SD, ODD, [disk], error=cause)
    verdict = Verdict("run", policy.Settings(), [found])
    error = refusal.error(verdict, found, f"VM {ODD}")
    return refusal.line([error] * count)


@pytest.mark.parametrize(
    "cause",
    [
        errors.StorageTimeout(f"/srv/{ODD}/{SD}", 5),
        errors.MetadataUnreadable(ODD, ODD),
        errors.VmUnclear(ODD),
    ],
)
def test_hidden_characters_do_not_make_it_longer(cause):
    text = line(cause)
    assert len(text) <= refusal.MAX_LINE
    assert text.isascii() and text.isprintable()
    end = f" (error 995: {cause.code})"
    assert text.endswith(end)
    assert line(cause, 2).endswith(f", 1 more domain refused too{end}")
    assert len(line(cause, 300)) <= refusal.MAX_LINE


def test_nor_that_of_any_error():
    text = refusal.plain(errors.VmUnclear(ODD))
    assert len(text) <= refusal.MAX_LINE
    assert text.endswith(" (error 996)")
