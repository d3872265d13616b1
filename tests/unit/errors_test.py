# SPDX-License-Identifier: GPL-2.0-or-later
import inspect

import pytest

from vdsm_backup import errors
from vdsm_backup.errors import base

ALL = sorted(errors.by_code().values(), key=lambda c: c.code)


def make(cls):
    names = list(inspect.signature(cls.__init__).parameters)[1:]
    return cls(**{name: f"<{name}>" for name in names})


def test_codes_are_ours_and_used_once():
    classes = list(base._subclasses(errors.Error))
    codes = [cls.code for cls in classes]
    assert len(codes) == len(set(codes)) == len(ALL)
    assert all(956 <= code <= 999 for code in codes)


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
