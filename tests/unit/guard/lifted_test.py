# SPDX-License-Identifier: GPL-2.0-or-later
"""What is not refused is never said to be impossible, for whatever reason."""

import itertools

import pytest

from vdsm_backup import errors
from vdsm_backup.guard import audit, permits, policy, refusal
from vdsm_backup.guard.verdict import Finding, Verdict
from vdsm_backup.metadata.flag import Flag

pytest_plugins = ["tests.support.journalentries"]

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
FLAG = Flag(True, reason="copies", by="eve@host2")
UNREAD = errors.MetadataUnreadable(SD, "I/O error")
FINDINGS = {
    "flagged": Finding(SD, "backups", ["disk vda"], FLAG),
    "unreadable": Finding(SD, SD, ["disk vda"], error=UNREAD),
}
SETTINGS = [
    policy.Settings(*values)
    for values in itertools.product(policy.MODES, policy.ON_UNREADABLE)
]
ROWS = [row for row in policy.TABLE if policy.asks_storage(row.operation)]
PERMIT = permits.Permit("1bd9a6a0", "mail", "root@host1", "now", 1.0)


@pytest.fixture(params=ROWS, ids=lambda row: row.operation)
def row(request):
    return request.param


@pytest.fixture(params=SETTINGS, ids=lambda s: f"{s.mode}-{s.on_unreadable}")
def settings(request):
    return request.param


@pytest.fixture(params=[None, PERMIT], ids=["no permit", "permit"])
def permit(request):
    return request.param


@pytest.fixture(params=sorted(FINDINGS))
def finding(request):
    return FINDINGS[request.param]


def test_of_all_rows(row, settings, permit, finding, entries):
    found = Verdict(row.operation, settings, [finding], permit)
    text = str(refusal.error(found, finding, "VM mail"))
    refused = found.refuses(finding)
    audit.tell(found, "VM mail")
    (entry,) = entries
    assert entry["message"].endswith(f": {text}")
    answer = entry["message"][: -len(text) - 2]
    if refused:
        assert answer == "Refused"
        return
    assert f"cannot {row.verb}" not in text
    assert "not because it is flagged" not in text
    if finding.flag or row.operation != policy.FORMAT:
        assert " may " in text
    if permit:
        assert answer == f"Not refused, {permit}"
    elif found.would_refuse(finding):
        assert answer == "Would be refused (mode is permissive)"
    else:
        assert answer == f"Not refused ({found.why_not(finding)})"


def test_why(row, settings, finding):
    """By what has to be changed for it to be refused."""
    found = Verdict(row.operation, settings, [finding])
    if found.refuses(finding):
        return
    why = found.why_not(finding)
    unread = finding.flag is None
    if row.answer == policy.VIOLATION:
        assert why == "a refusal would harm a VM that runs there"
    elif unread and row.operation == policy.FORMAT:
        assert why == "only a flag that is known keeps from it"
    elif unread and settings.on_unreadable == policy.ALLOW:
        assert why == "[guard] on_unreadable is allow"
    else:
        assert why == f"[guard] mode is {settings.mode}"
