# SPDX-License-Identifier: GPL-2.0-or-later
"""Our errors as VDSM's, which have the codes of verbs and no others."""

import ast
import inspect

import pytest

from tests.support.vdsm import vdsmvms
from vdsm_backup import errors
from vdsm_backup.plugin import vdsm_errors, verbs

ALL = sorted(errors.by_code().values(), key=lambda c: c.code)
FIRST, LAST = errors.RANGES[0]


@pytest.fixture(autouse=True)
def vdsm(monkeypatch):
    vdsmvms.be_imported(monkeypatch)


def make(cls):
    return cls(**{name: f"<{name}>" for name in cls.takes})


def raised(error):
    with pytest.raises(vdsmvms.StorageException) as e:
        with vdsm_errors.as_vdsm():
            raise error
    return e.value


@pytest.mark.parametrize("cls", ALL, ids=lambda c: c.__name__)
def test_codes_of_verbs_only(cls):
    """Also of the errors that only the command line knows, and their text."""
    error = make(cls)
    status = raised(error).response()["status"]
    assert FIRST <= status["code"] <= LAST
    assert status["message"] == str(error)
    if FIRST <= cls.code:
        known = FIRST <= cls.code <= LAST
        wanted = cls.code if known else errors.InternalError.code
        assert status["code"] == (cls.verb_code or wanted)


def test_an_error_of_the_command_line_is_a_fault_of_ours_here():
    assert any(cls.code > LAST and not cls.verb_code for cls in ALL)
    error = make(errors.NotAsAnswered)
    assert raised(error).code == errors.InternalError.code


def test_all_verbs_of_ours_go_through_it():
    """The body of each method that we add to HSM is inside as_vdsm()."""
    for make_verb in (verbs.hsm_set, verbs.hsm_get):
        tree = ast.parse(inspect.getsource(make_verb))
        verb = next(
            node
            for node in ast.walk(tree.body[0])
            if isinstance(node, ast.FunctionDef) and node is not tree.body[0]
        )
        (statement,) = verb.body
        assert isinstance(statement, ast.With)
        assert ast.unparse(statement.items[0]) == "vdsm_errors.as_vdsm()"


EXPECTED = [
    errors.DomainDetached("sd"),
    errors.DomainInUse("sd", "VM web1"),
    errors.DomainNotFound("sd"),
    errors.FlagUndone("sd", "VM web1", "it was taken back"),
    errors.InvalidArgument("backup", "no"),
    errors.InvalidReason("it is empty"),
    errors.MetadataChanged("sd"),
    errors.UnsupportedVersion("sd", "3"),
]
FAULTS = [
    errors.InternalError("KeyError", "x"),
    errors.MetadataUnreadable("sd", "I/O error"),
    errors.OutcomeUnknown("sd", "why"),
    errors.SealBroken("sd", "a", "b"),
    errors.UndoFailed("sd", "VM web1", "why"),
    errors.WriteFailed("sd", "commit", "why"),
]


@pytest.mark.parametrize("error", [*EXPECTED, *FAULTS], ids=repr)
def test_an_answer_is_no_fault_of_vdsm(error):
    """VDSM logs what is not expected with a trace."""
    assert raised(error).expected == (error in EXPECTED)


def test_text_in_place_of_its_own():
    found = vdsm_errors.exception(errors.DomainDetached("sd"), "other words")
    assert found.response()["status"]["message"] == "other words"
