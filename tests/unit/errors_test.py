# SPDX-License-Identifier: GPL-2.0-or-later
import inspect

import pytest

from vdsm_backup import errors

ALL = sorted(errors.by_code().values(), key=lambda c: c.code)


def make(cls):
    return cls(**{name: f"<{name}>" for name in cls.takes})


def test_codes_are_ours_and_used_once():
    classes = list(errors._subclasses(errors.Error))
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
