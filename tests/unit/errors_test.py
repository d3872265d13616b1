# SPDX-License-Identifier: GPL-2.0-or-later
import inspect
import re
import shlex

import pytest

from vdsm_backup import errors
from vdsm_backup.cli import parser

ALL = sorted(errors.by_code().values(), key=lambda c: c.code)


def make(cls):
    return cls(**{name: f"<{name}>" for name in cls.takes})


def test_codes_are_ours_and_used_once():
    # Some are of two families.
    classes = set(errors._subclasses(errors.Error))
    codes = [cls.code for cls in classes if cls.code]
    assert len(codes) == len(set(codes)) == len(ALL)
    for code in codes:
        assert any(low <= code <= high for low, high in errors.RANGES)


def test_verbs_have_no_code_of_the_command_line():
    codes = {cls.verb_code for cls in ALL} - {0}
    assert codes
    (low, high), _ = errors.RANGES
    assert all(low <= code <= high for code in codes)


FAMILIES = {
    errors.Caused,
    errors.Lifted,
    errors.Overridable,
    errors.Restorable,
    errors.Unreadable,
    errors.Untrustworthy,
    errors.VmRefused,
}


def test_what_is_raised_has_a_code():
    assert {
        cls for cls in errors._subclasses(errors.Error) if not cls.code
    } == FAMILIES


@pytest.mark.parametrize(
    "args, fields",
    [
        ((), {}),
        (("sd",), {}),
        (("sd", "3", "more"), {}),
        (("sd",), {"domain": "sd"}),
        (("sd", "3"), {"version": "3"}),
        ((), {"domain": "sd", "versions": "3"}),
    ],
)
def test_takes_its_fields_and_no_others(args, fields):
    with pytest.raises(TypeError):
        errors.UnsupportedVersion(*args, **fields)


def test_field_that_is_not_there():
    with pytest.raises(AttributeError):
        _ = errors.LeaseLost("sd").owner


@pytest.mark.parametrize("cls", ALL, ids=lambda c: c.__name__)
def test_text_has_every_field(cls):
    error = make(cls)
    for value in error.fields().values():
        assert value in str(error)


@pytest.mark.parametrize("cls", ALL, ids=lambda c: c.__name__)
def test_hints_can_be_shown(cls):
    for line in make(cls).hint_lines():
        assert line and "\n" not in line and "{" not in line


SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"

# What who reads a hint puts in place of a placeholder.
PUT = {"N": "1", "UUID": SD, "TIME": "2h", "FILE": "copy.json"}

# Values of fields that are a part of commands.
FIELDS = {"domain": SD, "sd_id": SD, "vm_id": SD, "number": 1, "cause": 964}


def commands(error):
    """All that the hints say is to be typed."""
    begin = re.escape(parser.PROGRAM)
    for line in error.hint_lines():
        for found in re.findall(rf"{begin} [^;>]*", line):
            words = shlex.split(found.partition(", ")[0])
            yield [PUT.get(word, word) for word in words[1:]]


def with_fields(cls):
    return cls(**{n: FIELDS.get(n, f"<{n}>") for n in cls.takes})


@pytest.mark.parametrize("cls", ALL, ids=lambda c: c.__name__)
def test_hints_are_commands_that_can_be_typed(cls):
    """As they stand, but for what only the reader knows."""
    error = with_fields(cls)
    if hasattr(cls, "sd_id"):
        error.sd_id = SD
    for args in commands(error):
        parser.parse(args)
        assert "SD" not in args


def hints(error):
    return "\n".join(error.hint_lines())


@pytest.mark.parametrize(
    "copy, told, untold",
    [
        (None, f"put the newest one back: {parser.PROGRAM} restore", "there:"),
        ((3, True), "put the newest one back", "there:"),
        ((3, False), f"restore {SD} --from 3", "put the newest one back"),
        ((), f"history {SD} --export N", "put the newest one back"),
    ],
)
@pytest.mark.parametrize(
    "cls", errors.Restorable.__subclasses__(), ids=lambda c: c.__name__
)
def test_what_to_put_back(cls, copy, told, untold):
    """The next step is one that this host can do."""
    error = with_fields(cls)
    error.copy = copy
    assert told in hints(error)
    assert untold not in hints(error)
    for args in commands(error):
        parser.parse(args)


@pytest.mark.parametrize("seconds, longer", [(1, 180), (179.5, 358)])
def test_more_time(seconds, longer):
    error = errors.LeaseTimeout(SD, seconds, "joining")
    assert f"the same command with --timeout {longer}" in hints(error)


def test_steps_are_told_in_words():
    said = str(errors.WriteFailed(SD, "origin", "No such file or directory"))
    assert "looking at dom_md/ids" in said
    # A step that is no name of ours is told as it is.
    assert "x failed" in str(errors.WriteFailed(SD, "x", "no"))


def test_copy_of_another_domain():
    error = errors.CopyUnusable("copy.json", "it is that of another one")
    assert "history SD " in hints(error)
    error.sd_id = SD
    assert f"history {SD} " in hints(error)


@pytest.mark.parametrize("cls", ALL, ids=lambda c: c.__name__)
def test_can_be_explained(cls):
    first, _, _ = inspect.getdoc(cls).partition("\n")
    assert first.endswith(".") and len(first) < 79


@pytest.mark.parametrize("cls", ALL, ids=lambda c: c.__name__)
def test_crosses_a_process_border(cls):
    error = make(cls)
    again = errors.from_fields(error.code, error.fields())
    assert type(again) is cls
    assert str(again) == str(error)
