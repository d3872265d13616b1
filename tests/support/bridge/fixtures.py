# SPDX-License-Identifier: GPL-2.0-or-later
import shutil

import pytest

from tests.support.bridge import engine as engines
from tests.support.bridge import engine_ca, fake_hosts
from tests.support.bridge.engine_things import Host


@pytest.fixture(scope="session")
def engine_certificates(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    return engine_ca.make_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def stand_in(engine_certificates):
    made = engines.StandIn(*engine_certificates)
    yield made
    made.stop()


@pytest.fixture
def scene(stand_in):
    """A bridge, the stand-in engine, and hosts that answer at once."""
    with fake_hosts.FakeScene(stand_in) as made:
        yield made


@pytest.fixture
def lacking(scene):
    """A host of the data center that has none of our hooks."""
    made = Host("host2", scene.center)
    scene.engine.hosts.append(made)
    return made
