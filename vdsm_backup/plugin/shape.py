# SPDX-License-Identifier: GPL-2.0-or-later
"""
Does a place in VDSM look as expected: it is there, takes these parameters,
and its code uses these names. Looking changes nothing.

The names tell of attributes of instances, which cannot be seen in a class.
"""

import importlib
import inspect
from dataclasses import dataclass

# A parameter that is given by its position, whatever its name.
ANY = "_"


class Missing(Exception):
    """It is not there; the text says what."""


@dataclass(frozen=True)
class Place:
    """
    at: "module:Class.attribute".
    parameters: names, in order, ANY for one that is given by its position;
        None if it is no function, or any will do.
    exact: it takes no others. Otherwise it may, if they have defaults.
    uses: names of attributes that its code uses.
    among: names of parameters that it has, anywhere.
    """

    at: str
    parameters: "tuple | None" = None
    exact: bool = False
    uses: tuple = ()
    among: tuple = ()

    def problem(self):
        """What is not as expected, or None."""
        try:
            found = find(self.at)
        except Missing as e:
            return str(e)
        # Of a class method.
        found = getattr(found, "__func__", found)
        if self.parameters is not None:
            if not callable(found):
                return f"{self.at} is no function"
            if not self._takes(found):
                return (
                    f"{self.at} takes {inspect.signature(found)},"
                    f" expected ({', '.join(self.parameters)})"
                )
        if self.among:
            missing = set(self.among) - set(
                inspect.signature(found).parameters
            )
            if missing:
                names = ", ".join(sorted(missing))
                return f"{self.at} has no parameters {names}"
        unused = set(self.uses) - _names(found)
        if unused:
            return f"{self.at} does not use {', '.join(sorted(unused))}"
        return None

    def _takes(self, found):
        given = list(inspect.signature(found).parameters.values())
        count = len(self.parameters)
        if len(given) < count:
            return False
        for expected, parameter in zip(self.parameters, given):
            if expected not in (ANY, parameter.name):
                return False
        others = given[count:]
        if self.exact:
            return not others
        return all(
            p.default is not p.empty
            or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
            for p in others
        )


def find(at):
    """What is there now. Raises Missing."""
    owner, name = owner_of(at)
    return _attribute(owner, name, at)


def owner_of(at):
    """(module or class, name) of a place. Raises Missing."""
    module, _, path = at.partition(":")
    try:
        owner = importlib.import_module(module)
    except ImportError as e:
        raise Missing(f"{module} cannot be imported: {e}")
    *classes, name = path.split(".")
    for part in classes:
        owner = _attribute(owner, part, at)
    return owner, name


def _attribute(owner, name, at):
    # Not getattr: it would make a bound method of a class method.
    try:
        return inspect.getattr_static(owner, name)
    except AttributeError:
        raise Missing(f"{at} is not there")


def _names(function):
    code = getattr(inspect.unwrap(function), "__code__", None)
    return set(code.co_names) if code else set()
