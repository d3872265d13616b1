# SPDX-License-Identifier: GPL-2.0-or-later
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdsm_backup import errors
from vdsm_backup.guard import policy, refusal
from vdsm_backup.guard.policy import Settings
from vdsm_backup.guard.verdict import Finding, Verdict
from vdsm_backup.metadata import flag
from vdsm_backup.text import printable

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
FLAG = flag.Flag(
    True, "nightly copies of site A", "admin@host1", "2026-11-22T11:40:00Z"
)
HUNG = errors.StorageTimeout("its storage", 30)


def found(title="backups-nfs", devices=("disk vda",), value=FLAG, error=None):
    return Finding(SD, title, list(devices), value, error)


def unread(error=HUNG):
    return found(SD, value=None, error=error)


def error(
    finding, operation="run", vm="VM web1", vm_id=None, mode="enforcing"
):
    verdict = Verdict(operation, Settings(mode))
    return refusal.error(verdict, finding, vm, vm_id)


def line(*findings, **more):
    return refusal.line([error(finding, **more) for finding in findings])


def test_a_flagged_domain():
    assert line(found()) == (
        "VM web1 cannot start: disk vda is on backup domain backups-nfs (set"
        " by admin@host1: nightly copies of site A) (error 994); copy the disk"
        " elsewhere"
    )


def test_a_flag_that_cannot_be_read():
    assert line(unread()) == (
        "VM web1 cannot start, not because it is flagged: cannot read the"
        f" flag of domain {SD}, disk vda: its storage did not answer within"
        " 30 seconds (error 995: 962)"
    )


@pytest.mark.parametrize(
    "devices, words",
    [
        (["disk vda"], "disk vda is on"),
        (["disk vda", "disk vdb"], "disks vda, vdb are on"),
    ],
)
def test_a_flag_that_cannot_be_read_in_full(devices, words):
    finding = found(SD, devices=devices, value=None, error=HUNG)
    assert str(error(finding)) == (
        f"VM web1 cannot start, not because it is flagged: {words} domain"
        f" {SD}, whose backup flag cannot be read (error 962: its storage did"
        " not answer within 30 seconds)"
    )


def test_a_place_of_which_the_domain_is_not_known():
    hung = Finding("", "/mnt/hung", ["disk vda"], None, HUNG)
    assert "disk vda is on /mnt/hung, whose backup flag" in str(error(hung))


@pytest.mark.parametrize(
    "operation, words",
    [
        ("run", "VM web1 cannot start: "),
        ("migrate-in", "VM web1 cannot migrate here: "),
        ("hotplug", "VM web1 cannot plug in a disk: "),
        ("replicate-to", "VM web1 cannot move a disk there: "),
        ("preview", "VM web1 cannot preview a snapshot: "),
    ],
)
def test_every_refused_operation_has_its_words(operation, words):
    assert policy.row(operation).answer == policy.REFUSED
    assert line(found(), operation=operation).startswith(words)


def test_several_disks_and_a_lease():
    text = line(found(devices=["disk vda", "disk vdb", "a lease"]))
    assert ": disks vda, vdb and a lease are on " in text


def test_several_domains():
    text = line(found(), unread(), unread())
    end = "(error 994); copy the disk elsewhere"
    assert text.endswith(f"), 2 more domains refused too {end}")
    assert line(found(), unread()).endswith(
        f", 1 more domain refused too {end}"
    )
    text = line(unread(), unread())
    assert text.endswith(", 1 more domain refused too (error 995: 962)")


def test_a_reason_gives_way():
    long = flag.Flag(True, "because " * 100, "admin@host1")
    text = line(found(value=long))
    assert len(text) == refusal.MAX_LINE
    assert "admin@host1: because because" in text
    assert text.endswith("..) (error 994); copy the disk elsewhere")


VM_ID = "5d2b6f0e-3c1a-4b7d-9e8f-00000000000a"


@pytest.mark.parametrize("name", ["r\u00e9sum\u00e9", "\u4ed6", "a\u202eb"])
def test_a_name_that_is_not_ascii_is_the_uuid(name):
    for finding in (found(title=name), found(name, value=None, error=HUNG)):
        text = line(finding, vm=f"VM {printable(name)}", vm_id=VM_ID)
        assert text.startswith(f"VM {VM_ID} cannot start")
        assert f" domain {SD}" in text
        assert "?" not in text
    assert line(found(), vm=f"VM {name}").startswith("A VM cannot start")


def test_words_that_are_not_ascii():
    by = "\u00e9va@h\u00f6st"
    text = line(found(value=flag.Flag(True, "z\u00e1lohy \u2116 1", by)))
    assert "(set by eva@host: zalohy No 1)" in text
    text = line(found(value=flag.Flag(True, "\u5099\u4efd", "me")))
    assert "(set by me: its reason is not ASCII)" in text


# The longest names that are not cut.
LONG = {"vm": f"VM {VM_ID}", "operation": "migrate-in"}


@pytest.mark.parametrize(
    "cause, words",
    [
        (HUNG, ": no answer in 30 s (error 995: 962)"),
        (errors.StorageTimeout("/mnt/" + "x" * 99, 30), ": no answer in 30 s"),
        (errors.SealBroken(SD, "0" * 40, "1" * 40), ": its checksum is wrong"),
        (
            errors.DomainNotFound(SD),
            ": not found on this host (error 995: 956)",
        ),
        (
            errors.MetadataUnreadable(SD, f"/mnt/{SD}: Input/output error"),
            "Input/output error (error 995: 961)",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_cause_is_said_however_long_the_names_are(cause, words):
    devices = ["disk vda", "disk vdb", "disk vdc", "a lease"]
    text = line(found(SD, devices, None, cause), **LONG)
    assert words in text
    assert_can_be_shown(text)


def test_the_cause_of_any_other_error_is_its_end():
    text = refusal.plain(
        errors.ConfigInvalid("/e/" + "x" * 200, "[a] b", "no")
    )
    assert "Configuration /e/xx" in text
    assert text.endswith("[a] b: no (error 987)")
    assert len(text) == refusal.MAX_LINE


def test_a_flag_of_which_nobody_knows_more():
    text = str(error(found(value=flag.Flag(True))))
    assert "set at an unknown time by somebody unknown: no reason" in text


def test_the_whole_error_says_all():
    text = str(error(found()))
    for part in (FLAG.reason, FLAG.by, FLAG.since, "backups-nfs", "disk vda"):
        assert part in text
    cause = str(error(unread()))
    assert "not because it is flagged" in cause and "error 962" in cause


def test_nobody_is_told_to_clear_the_flag():
    for finding in (found(), unread()):
        e = error(finding)
        texts = [str(e), refusal.line([e]), *e.hint_lines()]
        assert "clear" not in " ".join(texts)


VM_ID = "5d2b0c1e-7a4f-4d0b-9c3e-2f1a6b8d7e90"


@pytest.mark.parametrize(
    "vm_id, named", [(VM_ID, VM_ID), (None, "UUID"), ("../x", "UUID")]
)
def test_the_hints_name_the_vm_and_the_domain(vm_id, named):
    """So that they can be copied at 3 a.m."""
    for finding in (found(), unread()):
        hints = error(finding, vm_id=vm_id).hint_lines()
        assert (
            "if it must not wait, for this VM and for a time, on the host that"
            f" is to run it: vdsm-backup-domain permit --vm {named} --for 2h"
            " --reason TEXT"
        ) in hints
    hints = error(found("backups of A", value=None, error=HUNG)).hint_lines()
    assert hints[0] == f"see what is wrong: vdsm-backup-domain verify {SD}"


@pytest.mark.parametrize("mode", ["permissive", "disabled"])
def test_nothing_to_permit_where_nothing_is_refused(mode):
    for finding in (found(), unread()):
        hints = error(finding, mode=mode).hint_lines()
        assert hints
        assert not any("permit" in hint for hint in hints)


def test_no_permit_lifts_a_preview():
    for finding in (found(), unread()):
        hints = error(finding, operation="preview").hint_lines()
        assert hints
        assert not any("permit" in hint for hint in hints)


def test_the_hint_of_what_is_no_domain():
    finding = Finding("/mnt/x", "(below /mnt/x)", ["disk vda"], error=HUNG)
    hint = error(finding).hint_lines()[0]
    assert hint == "repair the storage: (below /mnt/x)"


TEXT = st.text(max_size=400) | st.text("\"'\\`\n\0é\u202e\ud800", max_size=99)


@given(TEXT, TEXT, TEXT, TEXT, st.lists(TEXT, max_size=5), TEXT)
def test_a_line_is_what_a_user_can_be_shown(vm, title, by, why, devices, text):
    for finding in (
        found(title, devices, flag.Flag(True, why, by)),
        found(title, devices, None, errors.MetadataUnreadable(SD, text)),
    ):
        shown = line(finding, finding, vm=vm)
        assert_can_be_shown(shown)
        end = "994); copy the disk elsewhere" if finding.flag else "995: 961)"
        assert shown.endswith(f" (error {end}")


@given(TEXT)
def test_any_error_is_one_line(text):
    shown = refusal.plain(errors.InternalError("Kind", text))
    assert_can_be_shown(shown)
    assert shown.endswith(" (error 999)")
    assert shown.startswith("Not because it is flagged: ")


def test_an_error_says_once_that_it_is_not_the_flag():
    shown = refusal.plain(errors.VmUnclear("why"))
    assert shown.lower().count("not because it is flagged") == 1


def assert_can_be_shown(text):
    assert 0 < len(text) <= refusal.MAX_LINE
    assert set(text) <= set(string.printable) - set('\n\r\t\v\f\\"')
    # As it stands in the text of VDSM's HookError.
    assert text in str((text.encode(),))
