# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether an attribute of VDSM is as we expect it: it is there, takes these
parameters, and its code mentions these names. Checking changes nothing.

Instance attributes cannot be inspected on a class, so we check that the code
of a method mentions their names.
"""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from vdsm_backup.plugin.vdsm_types import Function

# A parameter that we give by its position, whatever its name.
ANY = "_"


class Missing(Exception):
    """An attribute is not there; the text says which, and why."""


@dataclass(frozen=True)
class Shape:
    """
    What we expect of one attribute of VDSM.

    at: "module:Class.attribute".
    parameters: the names of its first parameters, in order, ANY for one that
        we give by its position. None: it is no function, or any will do.
    exact: it has no other parameters. Otherwise it may have others that we
        need not give.
    uses: names of attributes that its code mentions.
    takes: names of parameters that it has, in any order.
    """

    at: str
    parameters: tuple[str, ...] | None = None
    exact: bool = False
    uses: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()

    def problem(self) -> str | None:
        """What is not as expected, or None."""
        try:
            found = find(self.at)
        except Missing as e:
            return str(e)
        # A class method has its function inside.
        found = getattr(found, "__func__", found)
        if self.parameters is not None:
            if not callable(found):
                return f"{self.at} is no function"
            if not _fits(self.parameters, self.exact, found):
                return (
                    f"{self.at} takes {inspect.signature(found)},"
                    f" expected ({', '.join(self.parameters)})"
                )
        if self.takes:
            missing = set(self.takes) - set(
                inspect.signature(found).parameters
            )
            if missing:
                names = ", ".join(sorted(missing))
                return f"{self.at} has no parameters {names}"
        unused = set(self.uses) - _names(found)
        if unused:
            return f"{self.at} does not use {', '.join(sorted(unused))}"
        return None


def find(at: str) -> Any:
    """The attribute as it is now. Raises Missing."""
    owner, name = owner_of(at)
    return _attribute(owner, name, at)


def owner_of(at: str) -> tuple[Any, str]:
    """
    The module or class that an attribute is in, and its name there. Raises
    Missing.
    """
    module, _, path = at.partition(":")
    try:
        owner = importlib.import_module(module)
    except ImportError as e:
        # Without a package, each module of it is missing for that.
        if e.name and f"{module}.".startswith(f"{e.name}."):
            module = e.name
        raise Missing(f"{module} cannot be imported: {e}")
    *classes, name = path.split(".")
    for part in classes:
        owner = _attribute(owner, part, at)
    return owner, name


def _attribute(owner: Any, name: str, at: str) -> Any:
    # Not getattr: it would make a bound method of a class method.
    try:
        return inspect.getattr_static(owner, name)
    except AttributeError:
        raise Missing(f"{at} is not there")


def _fits(expected: tuple[str, ...], exact: bool, function: Function) -> bool:
    """Whether the parameters of a function are as Shape describes them."""
    given = list(inspect.signature(function).parameters.values())
    count = len(expected)
    if len(given) < count:
        return False
    for name, parameter in zip(expected, given):
        if name not in (ANY, parameter.name):
            return False
    others = given[count:]
    if exact:
        return not others
    return all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        for p in others
    )


def _names(function: Function) -> set[str]:
    """All names of attributes and globals that the code mentions."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return set(code.co_names) if code else set()
