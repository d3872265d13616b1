# SPDX-License-Identifier: GPL-2.0-or-later
"""The runs, on tests that are no VDSM's."""

import os

import pytest

from tests.vdsm_suite import __main__ as main
from tests.vdsm_suite import suites

ROOT_TEST = """\
import os
import pytest

PLUGGED = os.path.exists("../plugged")

def test_passes():
    pass

def test_differs():
    assert not PLUGGED, "it is the plugin"

def test_panics():
    if PLUGGED:
        os.killpg(0, 9)

def test_after_the_panic():
    pass

@pytest.mark.slow
def test_that_takes_hours():
    raise AssertionError

@pytest.mark.root
def test_of_root():
    pass
"""

COMMON_TEST = """\
import pytest

@pytest.fixture
def broken():
    raise ValueError("no such thing")

@pytest.mark.parametrize("thing", [object()], ids=repr)
def test_has_an_address(thing):
    pass

def test_broken(broken):
    pass

@pytest.mark.xfail
def test_known():
    raise AssertionError

@pytest.mark.skip(reason="no")
def test_skipped():
    pass
"""

# Fails when it is run for the second time, which is with the plugin.
CHANCE_TEST = """\
import os

def test_by_chance():
    with open("chance", "a") as f:
        f.write("x")
    assert os.path.getsize("chance") != 2
"""

PLUGIN = """\
import os

def pytest_load_initial_conftests():
    open("../plugged", "w").close()

def pytest_unconfigure():
    os.unlink("../plugged")
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    files = {
        "tests/root_test.py": ROOT_TEST,
        "tests/chance_test.py": CHANCE_TEST,
        "tests/helper.py": "raise AssertionError\n",
        "tests/common/x_test.py": COMMON_TEST,
        "tests/common/y_test.py": "import no_such_module\n",
        "tests/functional/z_test.py": "raise AssertionError\n",
        "lib/for_test.py": PLUGIN,
        "tox.ini": "[pytest]\naddopts = --no-such-option\n"
        "markers =\n  slow\n  root\n  integration\n  stress\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(tmp_path)


@pytest.mark.slow("a pytest for each suite, run and repetition")
def test_two_runs_and_what_differs(checkout, capsys):
    plain = suites.Run(checkout)
    plugin = suites.Run(checkout, ["for_test"])
    with plain, plugin:
        results = main.run([plain, plugin], [])
    found = main.compare.differences(*results)
    assert main.tell(results, found, []) == 1
    x = "tests/common/x_test.py::test"
    last = {test: result[-1] for test, result in results[0].items()}
    assert last.pop("tests/chance_test.py::test_by_chance")[0] == "passed"
    assert last == {
        "tests/common/y_test.py": (
            "not collected",
            "E   ModuleNotFoundError: No module named 'no_such_module'",
        ),
        f"{x}_broken": ("error in setup", "ValueError: no such thing"),
        f"{x}_has_an_address[<object object at 0x...>]": ("passed", ""),
        f"{x}_known": ("xfailed", "AssertionError"),
        f"{x}_skipped": ("skipped", ""),
        "tests/root_test.py::test_after_the_panic": ("passed", ""),
        "tests/root_test.py::test_differs": ("passed", ""),
        "tests/root_test.py::test_panics": ("passed", ""),
        "tests/root_test.py::test_passes": ("passed", ""),
    }
    out = capsys.readouterr().out
    assert "not always the same: tests/chance_test.py::test_by_chance" in out
    told = [line for line in out.splitlines() if line.startswith("DIFFERS")]
    assert len(told) == 2
    assert "test_differs: passed -> failed  AssertionError: it is" in told[0]
    assert told[1].endswith("test_panics: passed -> died")
    # Where nobody has been is nothing left.
    assert not os.path.exists(plain._directory)


def test_roots_tests_are_asked_for(checkout):
    with suites.Run(checkout, root=True) as run:
        found = run.results(["root_test.py"])
    assert found["tests/root_test.py::test_of_root"] == ("passed", "")
    assert "tests/root_test.py::test_that_takes_hours" not in found


def test_a_pytest_that_does_not_start(checkout):
    with suites.Run(checkout, ["no_such_plugin"]) as run:
        ((test, (outcome, why)),) = run.results(["root_test.py"]).items()
    assert (test, outcome) == ("root_test.py", "not started")
    assert "no_such_plugin" in why
