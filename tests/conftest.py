# SPDX-License-Identifier: GPL-2.0-or-later
import gc
import os
import signal
import sys

import hypothesis
import pytest

# Before anything imports them: their asserts say what they have compared.
pytest.register_assert_rewrite("tests.support", "tests.integration.lease")

from tests.support import soak, stale  # noqa: E402

# Workers of xdist get the width of a terminal, which nobody has.
os.environ.pop("COLUMNS", None)

# Seconds for a test that is marked with `slow`, which says why.
SLOW = 300

# Always the same inputs in `make check`: what nobody has changed does not fail
# by chance. `make soak` gives new ones, by the seed.
hypothesis.settings.register_profile(
    "check", derandomize=True, database=None, deadline=None
)
hypothesis.settings.register_profile(
    "soak", max_examples=1000, database=None, deadline=None
)
hypothesis.settings.load_profile(soak.times("check", "soak"))

# Files whose tests take long each, and share nothing that takes long to make:
# workers share these tests. All other files are run by one worker each.
SPREAD = (
    "breaks_test.py",
    "campaign_test.py",
    "chroot_test.py",
    "cli_block_test.py",
    "cli_killed_test.py",
    "cli_lease_test.py",
    "cli_local_test.py",
    "cli_reseal_test.py",
    "cli_restore_test.py",
    "cli_twice_test.py",
    "fence_test.py",
    "kill_test.py",
    "race_test.py",
    "runbooks_test.py",
    "umask_test.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    # Before there are workers, so that they have the same one.
    seed = soak.seed()
    if soak.SOAK and config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(seed)


def pytest_report_header(config):
    return f"seed: {soak.seed()} (SEED={soak.seed()} repeats it)"


def pytest_sessionstart(session):
    # Other users use what tests make. What depends on it sets its own.
    os.umask(0o022)
    # A shell's job in the background ignores it, and so would all that tests
    # start and interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # So does what nohup starts. Here it is still of no effect; what a test
    # starts has no handler of ours.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
    stale.clean()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session):
    # What is collected stays until the end, in each worker: nothing of it is
    # garbage, and no search for garbage need see it again.
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.get_closest_marker("soak") and soak.SOAK:
            # Hours, for as many as somebody asks for.
            item.add_marker(pytest.mark.timeout(0), append=False)
        elif slow := item.get_closest_marker("slow"):
            if len(slow.args) != 1:
                raise pytest.UsageError(f"{item.nodeid}: slow, and why?")
            item.add_marker(pytest.mark.timeout(SLOW))
    if hasattr(config, "workerinput"):
        # First what takes longest, so that workers end at the same time.
        items.sort(key=_rank)


def pytest_runtest_teardown(item, nextitem):
    """
    The warm children of commands end with their module: the next one may ask
    what this process has below it.
    """
    warm = sys.modules.get("tests.support.processes.warm")
    if warm and (nextitem is None or nextitem.path != item.path):
        warm.end()


def _rank(item):
    if item.path.name == "lease_test.py" or item.get_closest_marker("slow"):
        return 0
    return 1 if item.path.name in SPREAD else 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            path = nodeid.partition("::")[0]
            return nodeid if os.path.basename(path) in SPREAD else path

    if config.getvalue("dist") == "loadscope":
        return Scheduling(config, log)
    return None
