# SPDX-License-Identifier: GPL-2.0-or-later
"""
Puts the plugin into VDSM: all of it, or nothing.

install() first checks all that patches.py lists, and makes all that is new.
Only if that has worked VDSM is changed. Installing again changes nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vdsm_backup import config, config_parser
from vdsm_backup.plugin import patches, shape
from vdsm_backup.vm import qemu_arguments

if TYPE_CHECKING:
    from typing import Any, Iterator

    from vdsm_backup.plugin.vdsm_types import Function

log = logging.getLogger("vdsm_backup")

# What hooks import only where they need it. VDSM has it from the start: when
# it is first needed, the package may have been upgraded, and VDSM would have
# modules of two versions.
PRELOADED = (config_parser, qemu_arguments)

# An attribute of all functions that we put into VDSM's classes, by which we
# know them again.
MARK = "__vdsm_backup__"


class Incompatible(Exception):
    """This VDSM is not as expected; `problems` says what is not."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(
            f"this VDSM is not as expected: {'; '.join(problems)}"
        )
        self.problems = problems


def installed() -> bool:
    """Whether the plugin is in place in this process."""
    return all(_is_ours(_current(item)) for item in patches.ADDED)


def problems() -> list[str]:
    """
    What of this VDSM is not as expected, each problem once: where a module is
    missing, so is all that it has. Imports VDSM, and changes nothing.
    """
    found = [expected.problem() for expected in _expected()]
    found += [_added_problem(item) for item in patches.ADDED]
    found += [_item_problem(item) for item in patches.ITEMS]
    return list(dict.fromkeys(problem for problem in found if problem))


def install(options: config.Config | None = None) -> None:
    """
    Put the plugin into the VDSM of this process.

    options: only their path counts. The configuration is read again when it is
    needed, and where it cannot be used then, VMs are refused. None: the host's
    own, whether it can be used now or not.

    Raises Incompatible, with nothing changed.
    """
    if installed():
        return
    found = problems()
    if found:
        raise Incompatible(found)
    config_path = None
    # The host's own need not be there, later either.
    if options is not None and options.path != config.PATH:
        config_path = options.path
    # Whatever can fail comes first.
    changes = [_wrapping(patch, config_path) for patch in _patches()]
    changes += [_adding(item, config_path) for item in patches.ADDED]
    dictionaries = [(shape.find(i.at), i) for i in patches.ITEMS]
    for owner, name, value in changes:
        setattr(owner, name, value)
    for dictionary, item in dictionaries:
        dictionary[item.key] = item.value
    log.info("The backup flag plugin is in place")


def _patches() -> Iterator[patches.Patch]:
    yield from patches.WRAPPED
    yield from patches.GUARDED


def _expected() -> Iterator[shape.Shape]:
    yield from (patch.expected for patch in _patches())
    yield from patches.NEEDED


def _wrapping(
    patch: patches.Patch, config_path: str | None
) -> tuple[Any, str, Function]:
    """The arguments of setattr() that puts a patch into VDSM."""
    owner, name = shape.owner_of(patch.expected.at)
    original = shape.find(patch.expected.at)
    return owner, name, _marked(patch.wrap(original, config_path))


def _adding(
    item: patches.Added, config_path: str | None
) -> tuple[Any, str, Function]:
    """The arguments of setattr() that adds an attribute to VDSM."""
    owner, name = shape.owner_of(item.at)
    return owner, name, _marked(item.make(config_path))


def _marked(function: Function) -> Function:
    setattr(function, MARK, True)
    return function


def _is_ours(function: Function | None) -> bool:
    return getattr(function, MARK, False)


def _current(item: patches.Added) -> Function | None:
    """What has the name of an attribute that we add, if there is anything."""
    try:
        return shape.find(item.at)
    except shape.Missing:
        return None


def _added_problem(item: patches.Added) -> str | None:
    """The class must be there, and not the attribute, unless it is ours."""
    try:
        shape.owner_of(item.at)
    except shape.Missing as e:
        return str(e)
    current = _current(item)
    if current is not None and not _is_ours(current):
        return f"VDSM has {item.at} itself"
    return None


def _item_problem(item: patches.Item) -> str | None:
    try:
        dictionary = shape.find(item.at)
    except shape.Missing as e:
        return str(e)
    if not isinstance(dictionary, dict):
        return f"{item.at} is no dictionary"
    if dictionary.get(item.key, item.value) != item.value:
        return f"VDSM has {item.key} in {item.at} itself"
    return None
