# SPDX-License-Identifier: GPL-2.0-or-later
"""
Puts the plugin in place: all of it, or nothing.

install() looks at every place first. Only if all are as expected, and all
that is new could be made, anything is set. Installing again changes nothing.
"""

import logging

from vdsm_backup import config
from vdsm_backup.plugin import patches, shape

log = logging.getLogger("vdsm_backup")

# On what we put into VDSM's classes, so that it is known again.
MARK = "__vdsm_backup__"


class Incompatible(Exception):
    """This VDSM does not look as expected; `problems` says where."""

    def __init__(self, problems):
        super().__init__("; ".join(problems))
        self.problems = problems


def installed():
    """Is the plugin in place in this process."""
    return all(_is_ours(_current(item)) for item in patches.ADDED)


def compatibility():
    """
    What of this VDSM is not as expected: a list of texts, empty if all is.
    Touches nothing; VDSM is imported.
    """
    problems = [p.problem() for p in _places()]
    problems += [_taken(item) for item in patches.ADDED]
    problems += [_item_problem(item) for item in patches.ITEMS]
    return [problem for problem in problems if problem]


def install(options=None):
    """
    options: config.Config, of which only the path counts: the configuration
    is read again when it is needed, and where it cannot be used then, VMs are
    refused. None: the host's own, whether it can be used now or not.

    Raises Incompatible, with nothing touched.
    """
    if installed():
        return
    problems = compatibility()
    if problems:
        raise Incompatible(problems)
    path = None
    # The host's own need not be there, later either.
    if options is not None and options.path != config.PATH:
        path = options.path
    # Whatever can fail comes first.
    wrapped = (*patches.WRAPPED, *patches.GUARDED)
    changes = [_wrapping(item, path) for item in wrapped]
    changes += [_adding(item, path) for item in patches.ADDED]
    dictionaries = [(shape.find(i.at), i) for i in patches.ITEMS]
    for owner, name, value in changes:
        setattr(owner, name, value)
    for dictionary, item in dictionaries:
        dictionary[item.key] = item.value
    log.info("The backup flag plugin is in place")


def _places():
    yield from (item.place for item in patches.WRAPPED)
    yield from (item.place for item in patches.GUARDED)
    yield from patches.NEEDED


def _wrapping(item, path):
    owner, name = shape.owner_of(item.place.at)
    original = shape.find(item.place.at)
    return owner, name, _marked(item.make(original, path))


def _adding(item, path):
    owner, name = shape.owner_of(item.at)
    return owner, name, _marked(item.make(path))


def _marked(function):
    setattr(function, MARK, True)
    return function


def _is_ours(function):
    return getattr(function, MARK, False)


def _current(item):
    try:
        return shape.find(item.at)
    except shape.Missing:
        return None


def _taken(item):
    """The class must be there, and not the attribute, unless it is ours."""
    try:
        shape.owner_of(item.at)
    except shape.Missing as e:
        return str(e)
    current = _current(item)
    if current is not None and not _is_ours(current):
        return f"VDSM has {item.at} itself"
    return None


def _item_problem(item):
    try:
        dictionary = shape.find(item.at)
    except shape.Missing as e:
        return str(e)
    if not isinstance(dictionary, dict):
        return f"{item.at} is no dictionary"
    if dictionary.get(item.key, item.value) != item.value:
        return f"VDSM has {item.key} in {item.at} itself"
    return None
