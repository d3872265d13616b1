# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import sys

import pytest

from tests.e2e import domains, packages_story, stories
from tests.e2e.box import image
from tests.e2e.box.box import Box
from tests.e2e.later import Later

# As stories follow each other: the network of host 1 is cut when nobody else
# needs it, and at the end it loses its power. Another host boots then.
ORDER = (
    "users",
    "flag",
    "hooks",
    "clear",
    "rename",
    "hang",
    "nfs",
    "race",
    "bridge",
    "cut",
    "vdsm",
    "without_host",
    "packages",
)

# Fixtures of what happens in virtual machines: in the box, in host 3.
_VMS = ("box", "packaged")

_HERE = pathlib.Path(__file__).parent
_BOX = pytest.StashKey()


def pytest_collection_modifyitems(items):
    reason = image.missing()
    places = []
    for place, item in enumerate(items):
        if item.path.is_relative_to(_HERE):
            places.append(place)
            item.add_marker(pytest.mark.e2e)
            # The first one makes the image of the machines and boots them;
            # of each story the first one has to wait until it is told.
            item.add_marker(pytest.mark.timeout(3600))
            if reason and _in_vms(item):
                item.add_marker(pytest.mark.skip(reason=reason))
    ours = sorted((items[place] for place in places), key=_order)
    for place, item in zip(places, ours):
        items[place] = item


def _in_vms(item):
    return set(_VMS) & set(item.fixturenames)


def _order(item):
    if item.path.parent != _HERE:
        return -1
    name = item.path.name.replace("_test.py", "")
    if name not in ORDER:
        raise pytest.UsageError(f"{item.path}: has no place in ORDER yet")
    return ORDER.index(name)


@pytest.fixture(scope="package", autouse=True)
def booting(request):
    """
    The box, if a test wants it, before it is set up. The first tests, of
    cluster file systems, mostly wait: it boots beside them. It is gone after
    the last test that may use it: others have the machine for themselves.
    """
    names = [name for name in _VMS if _wanted(request, name)]
    if not names:
        yield None
        return
    made = Box(_teller(request.config))
    request.config.stash[_BOX] = made
    try:
        # The logs of a failure are kept.
        made.failed = True
        if "box" in names:
            made.boot()
        made.failed = False
        yield made
    finally:
        made.close()


def _wanted(request, fixture):
    """Whether a test that is not skipped has it."""
    return any(
        fixture in item.fixturenames and not _skipped(item)
        for item in request.session.items
    )


def _skipped(item):
    conditions = [mark.args for mark in item.iter_markers("skipif")]
    return item.get_closest_marker("skip") or any(map(any, conditions))


@pytest.fixture(scope="package")
def box(booting):
    """One for all tests, which run in ORDER."""
    booting.wait_ready()
    return booting


@pytest.fixture(scope="package")
def packaging(booting):
    """Later: what happens to the packages on a host that systemd boots."""

    host = booting.booted

    def play():
        host.wait_ready()
        return packages_story.play(host)

    # A qemu ends with the thread that has started it.
    return Later(play, host.boot)


@pytest.fixture(scope="package")
def packaged(packaging):
    """What packages_story.play() says."""
    return packaging.result()


@pytest.fixture(scope="package")
def begin_packages(request, packaging):
    """
    Call it to begin what happens to the packages, beside tests that mostly
    wait. If no test wants it, nothing is done.
    """
    return packaging.begin if _wanted(request, "packaged") else lambda: None


@pytest.fixture(scope="package")
def all_domains(box):
    return domains.make_all(box)


@pytest.fixture(scope="package")
def in_use(box, all_domains):
    return stories.in_use(box, all_domains)


@pytest.fixture(scope="package")
def flagged(box, all_domains):
    return stories.flagged(box, all_domains)


@pytest.fixture(scope="package")
def cleared(box, all_domains, flagged):
    return stories.cleared(box, all_domains)


@pytest.fixture(scope="package")
def racing(request, box, all_domains):
    """Later: the race, which goes on beside tests that mostly wait."""
    later = Later(lambda: stories.race(box, all_domains))
    if _wanted(request, "raced"):
        later.begin()
    return later


@pytest.fixture(params=domains.NAMES)
def domain(request, all_domains):
    return all_domains[request.param]


@pytest.fixture
def host1(box):
    return box.hosts[0]


@pytest.fixture
def host2(box):
    return box.hosts[1]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    made = item.config.stash.get(_BOX, None)
    if report.failed and made and _in_vms(item):
        made.look(item.nodeid)
        report.sections.append(("the box", f"logs: {made.logs}"))


def pytest_terminal_summary(terminalreporter, config):
    made = config.stash.get(_BOX, None)
    if made and made.failed:
        terminalreporter.write_line(f"logs of the box: {made.logs}")


def _teller(config):
    capture = config.pluginmanager.getplugin("capturemanager")

    def say(text):
        with capture.global_and_fixture_disabled():
            print(f"\n{text}", file=sys.stderr, flush=True)

    return say
