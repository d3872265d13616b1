# SPDX-License-Identifier: GPL-2.0-or-later
"""All of the plugin, or nothing; on a stand-in for VDSM's modules."""

import functools
import sys
import types

import pytest

from tests.support.vdsm import vdsmshapes
from vdsm_backup import config
from vdsm_backup.plugin import install, patches
from vdsm_backup.plugin import shape as plugin_shape
from vdsm_backup.plugin.shape import ANY, Shape

NAME = "stand_in_for_vdsm"


class Thing:
    kept = 1

    def __init__(self, one):
        self._attribute = one

    def wrapped(self, one, two):
        return self._attribute + one + two

    def more(self, one, two=2, *rest, **others):
        pass

    @classmethod
    def of_class(cls, one):
        pass


def twice(original, path=None):
    @functools.wraps(original)
    def doubled(self, one, two):
        return 2 * original(self, one, two)

    return doubled


def knowing_path(original, path):
    @functools.wraps(original)
    def guarded(self, one):
        return path

    return guarded


OPTIONS = types.SimpleNamespace(path="the path")


@pytest.fixture
def thing(monkeypatch):
    """A fresh class each time, in a module."""
    module = types.ModuleType(NAME)
    module.Thing = type("Thing", (), dict(vars(Thing)))
    module.table = {"there": 1}
    monkeypatch.setitem(sys.modules, NAME, module)
    at = f"{NAME}:Thing"
    wrapped = Shape(f"{at}.wrapped", ("self", "one", "two"), exact=True)
    monkeypatch.setattr(patches, "WRAPPED", (patches.Patch(wrapped, twice),))
    guarded = Shape(f"{at}.more", takes=("two", "one"))
    monkeypatch.setattr(
        patches, "GUARDED", (patches.Patch(guarded, knowing_path),)
    )
    added = [
        patches.Added(f"{at}.added", lambda path: lambda self: path),
        patches.Added(f"{at}.also", lambda path: lambda self: 0),
    ]
    monkeypatch.setattr(patches, "ADDED", added)
    item = patches.Item(f"{NAME}:table", "new", {"ret": "x"})
    monkeypatch.setattr(patches, "ITEMS", (item,))
    monkeypatch.setattr(patches, "NEEDED", (Shape(f"{at}.kept"),))
    return module


def shape(module):
    return dict(vars(module.Thing)), dict(module.table)


def test_all_is_put_in_place(thing):
    assert not install.installed()
    install.install(OPTIONS)
    assert install.installed()
    assert thing.Thing(1).wrapped(2, 3) == 12
    assert thing.Thing(1).added() == "the path"
    assert thing.Thing(1).more(2) == "the path"
    assert thing.table == {"there": 1, "new": {"ret": "x"}}


def test_twice_is_once(thing):
    install.install(OPTIONS)
    before = shape(thing)
    install.install(types.SimpleNamespace(path="x"))
    assert shape(thing) == before
    assert install.problems() == []


def test_without_a_configuration(thing):
    """The host's own counts, whenever it can be read."""
    install.install(None)
    assert install.installed()
    assert thing.Thing(1).added() is thing.Thing(1).more(2) is None


def test_the_hosts_own_need_not_be_there_later_either(thing):
    install.install(types.SimpleNamespace(path=config.PATH))
    assert thing.Thing(1).added() is None


def test_looking_touches_nothing(thing):
    before = shape(thing)
    assert install.problems() == []
    assert shape(thing) == before


def refused(thing, *words):
    before = shape(thing)
    with pytest.raises(install.Incompatible) as e:
        install.install(OPTIONS)
    assert shape(thing) == before
    assert not install.installed()
    for word in words:
        assert word in str(e.value)
    return e.value.problems


def test_needed_is_missing(thing):
    del thing.Thing.kept
    refused(thing, f"{NAME}:Thing.kept is not there")


def test_wrapped_is_another_function(thing):
    thing.Thing.wrapped = lambda self, one: 1
    refused(thing, "Thing.wrapped takes (self, one)")


def test_vdsm_has_it_itself(thing):
    thing.Thing.also = lambda self: 0
    refused(thing, "VDSM has", "Thing.also itself")


def test_vdsm_has_the_key_itself(thing):
    thing.table["new"] = {}
    refused(thing, "VDSM has new")


def test_all_problems_are_told(thing):
    del thing.Thing.kept
    del thing.Thing.wrapped
    assert len(refused(thing)) == 2


def test_what_cannot_be_made_leaves_all_as_it_was(thing, monkeypatch):
    broken = patches.Added(f"{NAME}:Thing.broken", lambda path: 1 / 0)
    monkeypatch.setattr(patches, "ADDED", [*patches.ADDED, broken])
    before = shape(thing)
    with pytest.raises(ZeroDivisionError):
        install.install(OPTIONS)
    assert shape(thing) == before


@pytest.mark.parametrize(
    "at, parameters, exact, uses, problem",
    [
        ("wrapped", ("self", "one", "two"), True, (), None),
        ("wrapped", ("self", "one", ANY), True, ("_attribute",), None),
        ("wrapped", ("self", "one"), False, (), "takes (self, one, two)"),
        ("wrapped", ("self", "two", "one"), False, (), "expected"),
        ("wrapped", ("self", "one", "two", "x"), False, (), "expected"),
        ("wrapped", None, False, ("other",), "does not use other"),
        ("more", ("self", "one"), False, (), None),
        ("more", ("self", "one"), True, (), "takes"),
        ("of_class", ("cls", "one"), False, (), None),
        ("kept", None, False, (), None),
        ("kept", ("self",), False, (), "is no function"),
        ("nothing", None, False, (), "is not there"),
    ],
)
def test_a_shape(thing, at, parameters, exact, uses, problem):
    expected = Shape(f"{NAME}:Thing.{at}", parameters, exact, uses)
    found = expected.problem()
    assert found is None if problem is None else problem in found


def test_parameters_by_their_names(thing):
    at = f"{NAME}:Thing.more"
    assert Shape(at, takes=("two", "one")).problem() is None
    problem = Shape(at, takes=("two", "x", "y")).problem()
    assert problem == f"{at} has no parameters x, y"


def test_guarded_is_another_function(thing):
    thing.Thing.more = lambda self, two: 1
    refused(thing, "Thing.more has no parameters one")


def test_module_that_is_missing():
    problem = Shape("no_such_module:x.y").problem()
    assert "no_such_module cannot be imported" in problem


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    """All of its modules are missing for one reason; others for their own."""
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "__init__.py").write_text("")
    (tmp_path / "half" / "needy.py").write_text("import no_such_module")
    monkeypatch.syspath_prepend(tmp_path)
    why = {
        at: Shape(f"{at}:x").problem().partition(" cannot be imported: ")[0]
        for at in ("no_such.a", "no_such.b.c", "half.a", "half.needy")
    }
    assert why == {
        "no_such.a": "no_such",
        "no_such.b.c": "no_such",
        "half.a": "half.a",
        "half.needy": "half.needy",
    }


def test_a_problem_is_told_once(thing, monkeypatch):
    gone = Shape("no_such_module:x"), Shape("no_such_module:y")
    monkeypatch.setattr(patches, "NEEDED", gone)
    assert len(refused(thing, "no_such_module cannot be imported")) == 1


def test_decorated_functions_are_seen_through(thing):
    thing.Thing.wrapped = twice(thing.Thing.wrapped)
    names = ("self", "one", "two")
    at = f"{NAME}:Thing.wrapped"
    assert Shape(at, names, True, ("_attribute",)).problem() is None


def test_stand_ins_have_what_the_plugin_wraps():
    """That they are as VDSM's is shown by tests/vdsm/shapes_test.py."""
    for item in patches.WRAPPED:
        name = item.expected.at.partition(":")[2]
        if name.startswith(("PersistentDict", "Schema")):
            at = f"{vdsmshapes.__name__}:{name}"
            plugin_shape.find(at)
            expected = Shape(at, item.expected.parameters, exact=True)
            assert expected.problem() is None
