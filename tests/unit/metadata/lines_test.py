# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines, seal, file and tags, against vectors that VDSM itself wrote."""

import json
import logging
import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests import ROOT
from vdsm_backup import errors
from vdsm_backup.metadata import domain, encoding, flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import MAX_SHOWN, printable

VECTORS = os.path.join(ROOT, "tests", "data", "domain-metadata.json")
SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"

with open(VECTORS) as f:
    ALL = json.load(f)
FILE = [v for v in ALL if v["kind"] == "file"]
BLOCK = [v for v in ALL if v["kind"] == "block"]
FLAGGABLE = [v for v in ALL if v["version"] >= 4]


def vector_id(v):
    return f"{v['id']}-{v['kind']}-v{v['version']}"


def stored_lines(v):
    if v["kind"] == "file":
        return encoding.decode_file(v["text"].encode("utf-8"), SD)
    return encoding.decode_tags(v["tags"], SD)


def test_vectors_are_all_there():
    assert len(ALL) == 40
    assert {v["version"] for v in FILE} == {3, 4, 5}
    assert {v["version"] for v in BLOCK} == {3, 4, 5}


@pytest.mark.parametrize("v", ALL, ids=vector_id)
def test_vector_parses(v):
    md = md_lines.parse(stored_lines(v))
    assert md.values == v["metadata"]
    assert md.seal == "valid"
    assert md.duplicates == ()
    assert md.dropped == ()


@pytest.mark.parametrize("v", ALL, ids=vector_id)
def test_vector_flushes(v):
    assert md_lines.flush(v["metadata"]) == v["lines"]


@pytest.mark.parametrize("v", FILE, ids=vector_id)
def test_vector_file_text(v):
    assert encoding.encode_file(v["lines"]) == v["text"].encode("utf-8")


@pytest.mark.parametrize("v", BLOCK, ids=vector_id)
def test_vector_tags(v):
    assert {encoding.encode_tag(line) for line in v["lines"]} == set(v["tags"])


@pytest.mark.parametrize("v", FLAGGABLE, ids=vector_id)
@pytest.mark.parametrize("value", [True, False])
def test_flag_changes_only_our_keys_and_the_seal(v, value):
    wanted = flag.Flag(
        value, "why it is", "admin@host1", "2026-11-22T11:40:00Z", "here"
    )
    lines = md_lines.flush(flag.apply(v["metadata"], wanted))

    def others(all_lines):
        ours = (*flag.KEYS, md_lines.SEAL)
        return [x for x in all_lines if x.partition("=")[0] not in ours]

    assert others(lines) == others(v["lines"])
    md = md_lines.parse(lines)
    assert md.seal == "valid"
    assert flag.read(md.values, SD) == wanted


@pytest.mark.parametrize("v", FLAGGABLE, ids=vector_id)
def test_vector_flag(v):
    expected = v["metadata"].get("BACKUP", "False") == "True"
    assert flag.read(v["metadata"], SD).value is expected


def test_trailing_nuls_are_padding():
    assert encoding.decode_file(b"A=1\nB=2\n\0\0\0", SD) == ["A=1", "B=2"]


@pytest.mark.parametrize(
    "line, values",
    [
        ("A=b=c", {"A": "b=c"}),
        (" A =b ", {"A": "b "}),
        ("A=", {"A": ""}),
        ("=b", {"": "b"}),
    ],
)
def test_parse_as_vdsm_does(line, values):
    assert md_lines.parse([line]).values == values


def test_line_without_separator_is_dropped_and_told():
    md = md_lines.parse(["A=1", "torn"])
    assert md.values == {"A": "1"}
    assert md.dropped == ("torn",)


@pytest.mark.parametrize("blank", ["", " ", "\t ", "\u3000"])
def test_blank_line_is_no_damage(blank):
    """VDSM says that it could not parse it, and ignores it."""
    sealed = md_lines.flush({"VERSION": "5", "SDUUID": SD, "CLASS": "Data"})
    for lines in ([*sealed, blank], [blank, *sealed]):
        md = md_lines.parse(lines)
        assert (md.dropped, md.seal) == ((), "valid")
        assert domain.check(lines, SD).lines == lines
    assert md_lines.parse([blank + "x"]).dropped == (blank + "x",)


def test_last_of_several_values_wins_and_is_told():
    md = md_lines.parse(["A=1", "A=2"])
    assert md.values == {"A": "2"}
    assert md.duplicates == ("A",)


def test_same_line_twice_is_no_duplicate():
    assert md_lines.parse(["A=1", "A=1"]).duplicates == ()


# Everything splitlines() splits at, "&", NUL, surrogates and long values.
TEXT = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cs"]),
        st.sampled_from("&#;=\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e\0\r\n 1"),
    )
)
KEY = TEXT.map(lambda s: s.replace("=", "").strip())
VALUES = st.dictionaries(KEY.filter(lambda k: k != md_lines.SEAL), TEXT)


@given(VALUES)
@example({"A": "x" * 100_000})
@example({"A": "&1114112&", "B": "\ud800"})
def test_flush_then_parse(values):
    md = md_lines.parse(md_lines.flush(values))
    assert md.values == values
    assert md.seal == "valid"


@given(VALUES, st.data())
def test_any_changed_character_breaks_the_seal(values, data):
    values = {**values, "A": "some value"}
    lines = md_lines.flush(values)
    index = lines.index("A=some value")
    at = data.draw(st.integers(2, len(lines[index]) - 1))
    char = data.draw(st.characters(categories=["L"]))
    changed = lines[index][:at] + char + lines[index][at + 1 :]
    if changed == lines[index]:
        return
    lines[index] = changed
    assert md_lines.parse(lines).seal == "broken"


def test_a_seal_in_capital_letters_is_broken():
    # VDSM compares the text: SHA1 digests of its own are in small letters.
    lines = md_lines.flush({"A": "1"})
    seal = lines[-1].partition("=")[2]
    assert seal != seal.upper()
    lines[-1] = f"{md_lines.SEAL}={seal.upper()}"
    assert md_lines.parse(lines).seal == "broken"


@given(TEXT)
@example("\ud800\udfff")
@example("a&38&b")
def test_tag_of_a_line(line):
    tag = encoding.encode_tag(line)
    assert all(c.isascii() and c.isprintable() and c != " " for c in tag)
    assert encoding.decode_tags([tag, "RHAT_storage_domain"], SD) == [line]


@given(VALUES)
def test_file_of_plain_values(values):
    # What splitlines() splits at, or UTF-8 cannot hold, cannot be in a file.
    def fits(text):
        return len(f"{text}.".splitlines()) == 1 and text.isprintable()

    values = {k: v for k, v in values.items() if fits(k) and fits(v)}
    lines = md_lines.flush(values)
    assert encoding.decode_file(encoding.encode_file(lines), SD) == lines


@given(st.lists(TEXT))
def test_parse_agrees_with_the_rules_of_vdsm(lines):
    # The rule as design and VDSM's persistent.py state it, spelled plainly.
    expected = {}
    for line in lines:
        if "=" in line:
            at = line.index("=")
            expected[line[:at].strip()] = line[at + 1 :]
    expected.pop(md_lines.SEAL, None)
    assert md_lines.parse(lines).values == expected


@pytest.mark.parametrize("escape", ["&1114112&", "&99999999999999999999&"])
def test_tag_that_is_no_character(escape):
    with pytest.raises(errors.DamagedMetadata) as e:
        encoding.decode_tags([f"MDT_A={escape}"], SD)
    assert escape[:8] in str(e.value)


@pytest.mark.parametrize(
    "lines, error",
    [
        ([], errors.NotMetadata),
        (["garbage"], errors.NotMetadata),
        (["VERSION=5"], errors.NotMetadata),
        ([f"SDUUID={SD}"], errors.NotMetadata),
        (["VERSION=5", "VERSION=4", f"SDUUID={SD}"], errors.DamagedMetadata),
        (
            ["VERSION=5", f"SDUUID={SD}", f"{md_lines.SEAL}=0"],
            errors.SealBroken,
        ),
        (md_lines.flush({"VERSION": "5", "SDUUID": "x"}), errors.NotMetadata),
    ],
)
def test_require_refuses(lines, error):
    with pytest.raises(error):
        md_lines.require(lines, SD)


def test_a_broken_seal_is_told_as_a_checksum():
    """The seal is our word; VDSM and its users know the key."""
    lines = ["VERSION=5", f"SDUUID={SD}"]
    computed = md_lines.checksum(md_lines.parse(lines).values)
    with pytest.raises(errors.SealBroken) as e:
        md_lines.require([*lines, f"{md_lines.SEAL}=cf17"], SD)
    assert str(e.value) == (
        f"The metadata of storage domain {SD} was changed by hand or is"
        f" damaged: its checksum (_SHA_CKSUM) is cf17, computed {computed}"
    )


def test_require_leaves_a_missing_seal_to_the_caller():
    md = md_lines.require(["VERSION=5", f"SDUUID={SD}"], SD)
    assert md.seal == "missing"


@pytest.mark.parametrize(
    "lines, whole",
    [
        (["SDUUID=sd", "VERSION=5"], True),
        (["SDUUID=another", "VERSION=5"], False),
        (["SDUUID=sd"], False),
        (["DESCRIPTION=x"], False),
    ],
)
def test_is_whole(lines, whole):
    values = md_lines.parse(lines).values
    assert md_lines.is_whole(md_lines.flush(values), "sd") is whole
    assert md_lines.is_whole(lines, "sd") is False
    assert md_lines.is_whole([*lines, f"{md_lines.SEAL}=0"], "sd") is False
    twice = [*md_lines.flush(values), "SDUUID=x"]
    assert md_lines.is_whole(twice, "sd") is False


def test_nothing_is_not_whole():
    assert md_lines.is_whole([], "sd") is False
    assert md_lines.is_whole(None, "sd") is False


def test_binary_is_not_metadata():
    with pytest.raises(errors.NotMetadata) as e:
        encoding.decode_file(b"A=1\n\xff\xfe", SD)
    assert "byte 4" in str(e.value)


@pytest.mark.parametrize(
    "char", ["\x1b", "\x7f", "\x9b", "\u202e", "\u2066", "\ud800", "\u2028"]
)
def test_hidden_characters_are_shown_escaped(char):
    shown = printable(f"a{char}b")
    assert char not in shown
    assert "\\" in shown
    shown.encode("utf-8")


def test_shown_text_is_cut():
    assert len(printable("x" * 10_000_000)) == MAX_SHOWN
    assert printable("x" * MAX_SHOWN) == "x" * MAX_SHOWN


def test_parse_agrees_with_vdsm_itself():
    persistent = pytest.importorskip(
        "vdsm.storage.persistent", reason="VDSM cannot be imported"
    )
    logging.disable(logging.WARNING)
    try:

        @given(st.lists(TEXT))
        def agree(lines):
            theirs = persistent._parse_lines(lines)
            theirs.pop(md_lines.SEAL, None)
            assert md_lines.parse(lines).values == theirs

        agree()
    finally:
        logging.disable(logging.NOTSET)
