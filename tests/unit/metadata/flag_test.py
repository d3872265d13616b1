# SPDX-License-Identifier: GPL-2.0-or-later
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdsm_backup import errors
from vdsm_backup.metadata import encoding, flag
from vdsm_backup.metadata import lines as md_lines

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


def test_absent_is_not_flagged():
    assert flag.read({}, SD) == flag.Flag(False)


@pytest.mark.parametrize(
    "value", ["maybe", "true", "TRUE", "1", "", " True", "True ", "True\x1b"]
)
def test_any_other_value_is_invalid(value):
    with pytest.raises(errors.InvalidFlag) as e:
        flag.read({"BACKUP": value}, SD)
    assert "\x1b" not in str(e.value)


def test_clear_leaves_the_story():
    values = flag.apply({"A": "1"}, flag.Flag(True, "r", "b", "s", "o"))
    cleared = flag.apply(values, flag.Flag(False, "done", "c", "t", "o"))
    assert cleared == {
        "A": "1",
        "BACKUP": "False",
        "BACKUP_REASON": "done",
        "BACKUP_BY": "c",
        "BACKUP_SINCE": "t",
        "BACKUP_ORIGIN": "o",
    }


@pytest.mark.parametrize("version", ["0", "3", "6", "", "four"])
def test_other_versions_are_refused(version):
    with pytest.raises(errors.UnsupportedVersion):
        flag.require_supported({"VERSION": version, "CLASS": "Data"}, SD)


@pytest.mark.parametrize("domain_class", ["Iso", "Backup", ""])
def test_other_classes_are_refused(domain_class):
    with pytest.raises(errors.UnsupportedClass):
        flag.require_supported({"VERSION": "5", "CLASS": domain_class}, SD)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "a\nb", "a\rb", "a\x1b[31m", "a\x85b", "a\u2028b", "\ud800"],
)
def test_bad_reasons(text):
    with pytest.raises(errors.InvalidReason):
        flag.require_reason(text)


@pytest.mark.parametrize("char, cost", [("x", 1), (" ", 4), ("é", 5)])
def test_reason_as_long_as_a_tag_takes(char, cost):
    room = encoding.MAX_TAG - len("MDT_BACKUP_REASON=")
    # Blanks at the ends are stripped, so "x" at both ends.
    longest = "x" + char * ((room - 2) // cost) + "x"
    assert flag.require_reason(longest) == longest
    with pytest.raises(errors.InvalidReason) as e:
        flag.require_reason(longest + char * 2 + "x")
    assert str(room) in str(e.value)


@given(st.text())
def test_a_reason_that_passes_survives_file_and_tag(text):
    try:
        reason = flag.require_reason(text)
    except errors.InvalidReason:
        return
    values = flag.apply({"A": "1"}, flag.Flag(True, reason))
    lines = md_lines.flush(values)
    tags = [encoding.encode_tag(line) for line in lines]
    assert max(len(tag) for tag in tags) <= encoding.MAX_TAG
    assert encoding.decode_tags(tags, SD) == lines
    assert encoding.decode_file(encoding.encode_file(lines), SD) == lines


def test_the_last_character_that_fits():
    room = encoding.MAX_TAG - len("MDT_BACKUP_REASON=")
    assert flag.require_reason("x" * room)
    with pytest.raises(errors.InvalidReason):
        flag.require_reason("x" * (room + 1))


# BACKUP_BY


def tag_length(text):
    return len(encoding.encode_tag(f"BACKUP_BY={text}"))


@pytest.mark.parametrize(
    "char", ["\n", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\udcff"]
)
def test_characters_that_do_not_show_are_removed(char):
    assert flag.changed_by(f"al{char}ice", f"ho{char}st") == "alice@host"


def test_long_parts_are_cut_to_fit_a_tag():
    text = flag.changed_by("\U0001f4be" * 500, "host")
    assert text.startswith("\U0001f4be" * 100)
    assert text.endswith("@host")
    # One more of these characters would not have fitted.
    assert (
        encoding.MAX_TAG - len("&128190&")
        < tag_length(text)
        <= encoding.MAX_TAG
    )


def test_both_parts_are_cut():
    user, _, host = flag.changed_by("u" * 2000, "h" * 2000).partition("@")
    assert user == "u" * len(user)
    assert host == "h" * len(host)
    assert abs(len(user) - len(host)) <= 1
    assert tag_length(f"{user}@{host}") == encoding.MAX_TAG


def test_what_fits_is_not_cut():
    assert flag.changed_by("u" * 400, "h" * 400) == "u" * 400 + "@" + "h" * 400
