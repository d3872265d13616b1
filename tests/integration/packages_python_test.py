# SPDX-License-Identifier: GPL-2.0-or-later
"""
The modules of the packages run by the Python of their release: unit tests
that need no binding, on what is compiled in the package.
"""

import os
import re
import shutil
import subprocess

import pytest

from tests import ROOT
from tests.support.packages import reading, run_tests

pytest_plugins = ["tests.support.packages.packagefixtures"]
pytestmark = pytest.mark.slow("rpmbuild compiles all modules, for each Python")

RELEASES = {"el9": "3.9", "el10": "3.12"}

# Of what decides about a VM: each of them some CPU seconds at most.
CHOSEN = """
    config_files_test.py config_test.py record_test.py
    cli/layout_test.py cli/log
    guard/permits_test.py guard/policy_test.py guard/refusal_test.py
    guard/refusal_text_test.py guard/verdict_test.py
    hooks/answer_test.py
    metadata
    vm/domxml_test.py vm/domxml_disk_test.py vm/paths_test.py
""".split()

NO_SOURCE = b"raise SystemExit('this is not what is compiled')\n"

# Of our modules, only this one is started by its path.
STARTED = "vdsm_backup/processes/bootstrap.py"


@pytest.fixture(params=RELEASES)
def release(request):
    return request.param


@pytest.fixture
def python(release):
    """An interpreter of its version that has pytest."""
    name = f"python{RELEASES[release]}"
    path = os.path.join(ROOT, ".venv", name, "bin", "python")
    if not os.path.exists(path):
        pytest.skip(
            f"there is no {name} with pytest: contrib/setup-dev makes"
            f" .venv/{name} where there is a {name}, also one of pyenv's"
        )
    return path


@pytest.fixture
def library(source_tree, release, tmp_path):
    """
    What the package has for site-packages, with these tests beside it. The
    sources are none any more: only what is compiled runs.
    """
    contents = reading.contents(source_tree.build(release)[0])
    top = f"/usr/lib/python{RELEASES[release]}/site-packages/"
    for name, content in contents.items():
        if name.startswith(top):
            path = tmp_path / name[len(top) :]
            path.parent.mkdir(parents=True, exist_ok=True)
            source = name.endswith(".py") and not name.endswith(STARTED)
            path.write_bytes(NO_SOURCE if source else content)
    tests = tmp_path / "tests"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("support", "unit", "data"):
        shutil.copytree(
            os.path.join(ROOT, "tests", name), tests / name, ignore=ignored
        )
    for name in ("tests/__init__.py", "tests/conftest.py", "tox.ini"):
        shutil.copy(os.path.join(ROOT, name), tmp_path / name)
    return tmp_path


def test_unit_tests_by_the_python_of_the_release(python, library):
    chosen = [os.path.join("tests", "unit", name) for name in CHOSEN]
    done = subprocess.run(
        [python, "-I", run_tests.__file__, library, "-q", *chosen]
        + ["-p", "no:cacheprovider", "--tb=short", "-W", "ignore"],
        cwd=library,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 700, done.stdout
