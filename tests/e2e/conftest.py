# SPDX-License-Identifier: GPL-2.0-or-later
import sys

import pytest

from tests.e2e import domains
from tests.e2e.box import image
from tests.e2e.box.box import Box

_BOX = pytest.StashKey()


def pytest_collection_modifyitems(items):
    reason = image.missing()
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(3600))
            if reason and "box" in item.fixturenames:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="package")
def box(request):
    """
    Booted once for all tests, and gone after them: others that run later have
    the machine for themselves. A test leaves it as it found it.
    """
    made = Box(_teller(request.config))
    request.config.stash[_BOX] = made
    try:
        made.boot()
        yield made
    except Exception:
        made.look("booting")
        raise
    finally:
        made.close()


@pytest.fixture(scope="package")
def all_domains(box):
    return domains.make_all(box)


@pytest.fixture(scope="package")
def slow(box):
    """A domain on an NFS server that can hang."""
    return domains.make_nfs(box.hosts[0], "slow", 5, domains.SLOW)


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
    if report.failed and made:
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
