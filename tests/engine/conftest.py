# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from tests.support.bridge import real_engine

# The one that is not named is left out here: real_test.py says why, once.
ENGINES = ["stand-in"]
if not real_engine.missing():
    # Seconds: it may be far away.
    ENGINES.append(pytest.param("real", marks=pytest.mark.timeout(300)))


@pytest.fixture(scope="module", params=ENGINES)
def tested(request):
    """An engine: the stand-in, and the one that the environment names."""
    from tests.support.bridge import engine
    from tests.support.bridge import tested as engines

    if request.param == "real":
        made = engines.real()
        yield made
        made.close()
        return
    certificates = request.getfixturevalue("engine_certificates")
    stand_in = engine.StandIn(*certificates)
    made = engines.stand_in(stand_in)
    yield made
    made.close()
    stand_in.stop()


@pytest.fixture
def engine(tested):
    """The same as the bridge has it."""
    with tested.engine() as opened:
        yield opened


@pytest.fixture
def domain(tested):
    """The UUID of the domain that tests may edit; its box is off."""
    if not tested.domain:
        name = real_engine.DOMAIN
        pytest.skip(f"no domain is named that tests may edit: {name}")
    with tested.as_it_was():
        yield tested.domain


@pytest.fixture
def busy(tested):
    """The UUID of a domain that a VM runs on; its box is off."""
    if not tested.busy:
        name = real_engine.BUSY_DOMAIN
        pytest.skip(f"no domain with a VM is named: {name}")
    return tested.busy


@pytest.fixture
def other(tested):
    """A second person who may edit the domain."""
    if not tested.other:
        pytest.skip(f"no other user is named: {real_engine.OTHER_USER}")
    return tested.other
