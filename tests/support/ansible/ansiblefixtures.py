# SPDX-License-Identifier: GPL-2.0-or-later
"""
Fixtures of the tests of contrib/ansible.

    pytest_plugins = [
        "tests.support.packages.packagefixtures",
        "tests.support.ansible.ansiblefixtures",
    ]
"""

import importlib.util
import shutil

import pytest

from tests.support.ansible import playbook


@pytest.fixture(scope="module")
def newest_ansible():
    return here(playbook.NEWEST)


@pytest.fixture(scope="module")
def old_ansible():
    """That of the distribution, which may be as old as an engine's."""
    return here(playbook.DISTRIBUTION)


def here(ansible):
    if ansible.missing():
        pytest.skip(ansible.missing())
    return ansible


@pytest.fixture(scope="module")
def managed_host(source_tree, tmp_path_factory):
    """A managed.Managed without our packages; its repository has them."""
    for module in ("dnf", "yaml"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"the Python of these tests has no {module}")
    if shutil.which("createrepo_c") is None:
        pytest.skip("createrepo_c is not here")
    from tests.support.ansible.managed import Managed

    packages = source_tree.build("debian")
    directory = str(tmp_path_factory.mktemp("stand-in"))
    with Managed(packages, directory) as host:
        yield host
