# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the role of contrib/ansible lets a bridge do in an engine: the play of
examples/bridge.yml, with the modules of the collection ovirt.ovirt and the
engine's SDK, at the stand-in engine.
"""

import os
import subprocess
import sys

import pytest

yaml = pytest.importorskip("yaml")
pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.ansible import accounts  # noqa: E402
from tests.support.ansible.account_entities import Role  # noqa: E402
from tests.support.ansible.playbook import (  # noqa: E402
    COLLECTIONS,
    CONTRIB,
    ENVIRONMENT,
    Run,
)
from tests.support.bridge.engine import PASSWORD, USER  # noqa: E402
from tests.support.bridge.engine_things import DataCenter  # noqa: E402

pytest_plugins = [
    "tests.support.ansible.ansiblefixtures",
    "tests.support.bridge.fixtures",
]
pytestmark = [
    pytest.mark.skipif(
        not os.path.isdir(os.path.join(COLLECTIONS, "ansible_collections")),
        reason="needs the collection ovirt.ovirt: contrib/setup-dev",
    ),
    pytest.mark.slow("Ansible takes a second to start, and for each task"),
]

ROLE, FROM_DIRECTORY = "Make the role", "Take its user from the directory"
GIVEN = "Give the role on each data center"
NEEDED = ["login", "edit_storage_domain_configuration"]
NEEDED += ["inject_external_events"]


@pytest.fixture
def engine(engine_certificates):
    made = accounts.Engine(*engine_certificates)
    made.data_centers += [DataCenter("Other"), DataCenter("Default")]
    yield made
    assert not made.tokens, "a session is left"
    made.stop()


@pytest.fixture
def play(engine, tmp_path):
    """Runs the play of the example: a Play. variables: as in rollout.py"""

    def run(ansible, *options, **variables):
        with open(os.path.join(CONTRIB, "examples", "bridge.yml")) as f:
            first = yaml.safe_load(f)[0]
        first["vars"] = {
            "ansible_python_interpreter": sys.executable,
            "engine_admin_password": PASSWORD,
        }
        login, role = first["tasks"][0]["block"]
        login["ovirt.ovirt.ovirt_auth"].update(
            url=engine.url, ca_file=engine.ca_file, username=USER
        )
        for name, value in variables.items():
            role["vars"][f"vdsm_backup_domain_engine_{name}"] = value
        path = tmp_path / "play.yml"
        path.write_text(yaml.safe_dump([first], sort_keys=False))
        command = ansible.command("ansible-playbook", "-i", "localhost,")
        done = subprocess.run(
            [*command, str(path), *options],
            cwd=CONTRIB,
            env={
                **os.environ,
                **ENVIRONMENT,
                "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS,
            },
            capture_output=True,
            text=True,
        )
        (found,) = Run(done).plays
        found.code = done.returncode
        return found

    return run


def given(engine):
    """{name of the data center: (role, user)}"""
    names = {center.id: center.name for center in engine.data_centers}
    return {
        names[each.object_id]: (each.role.name, each.user.principal)
        for each in engine.permissions
    }


def test_the_least_role_on_its_data_centers(engine, play, old_ansible):
    """Of the oldest Ansible: check, do, and again."""
    found = play(old_ansible, "--check")
    assert found.code == 0, str(found)
    assert found.changed == [ROLE, FROM_DIRECTORY, GIVEN]
    assert engine.changes() == []
    found = play(old_ansible)
    assert found.code == 0, str(found)
    assert found.changed == [ROLE, FROM_DIRECTORY, GIVEN]
    (role,) = engine.roles
    assert role.administrative and role.permits == NEEDED
    assert given(engine) == {"Default": ("BackupFlagBridge", "bridge")}
    assert len(engine.changes()) == 3
    found = play(old_ansible)
    assert (found.code, found.changed) == (0, [])
    assert engine.changes() == []


def test_a_role_that_permits_more(engine, play, newest_ansible):
    """Somebody has added to it: it is the least one again."""
    made = Role("BackupFlagBridge")
    made.permits = [*NEEDED, "delete_storage_domain"]
    engine.roles.append(made)
    found = play(newest_ansible, data_centers=["Default", "Other"])
    assert found.code == 0, str(found)
    assert sorted(made.permits) == sorted(NEEDED)
    assert set(given(engine)) == {"Default", "Other"}


@pytest.mark.parametrize(
    "variables, failed, words",
    [
        (
            {"data_centers": ["Nowhere"]},
            GIVEN,
            "object 'Nowhere' was not found",
        ),
        ({"user": "nobody"}, FROM_DIRECTORY, "No such user: nobody"),
    ],
)
def test_what_is_not_there(
    engine, play, newest_ansible, variables, failed, words
):
    found = play(newest_ansible, **variables)
    assert (found.code, found.failed) == (2, [failed]), str(found)
    assert words in found.text
    assert engine.permissions == []


def test_it_is_taken_out_again(engine, play, newest_ansible):
    assert play(newest_ansible).code == 0
    found = play(newest_ansible, state="absent")
    assert found.code == 0, str(found)
    assert found.changed == ["Remove the user", "Remove the role"]
    assert engine.roles + engine.users + engine.permissions == []
    found = play(newest_ansible, state="absent")
    assert (found.code, found.changed) == (0, [])
