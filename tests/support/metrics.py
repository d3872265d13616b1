# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of `metrics` share, a plugin of pytest."""

import os

import pytest
from prometheus_client import parser

from tests.support import testhost
from tests.support.clifixtures import OWNER, A

# Neither root nor VDSM.
OTHER = 107


@pytest.fixture
def measured_host(directory):
    """What its configuration names is vdsm's, as on a host."""
    path = os.path.join(directory, "host")
    uid, gid = OWNER
    with testhost.Host(path, 3, user=uid, group=gid) as host:
        host.domain(sd_id=A, name="back ups", owner=OWNER, BACKUP="True")
        yield host


def families(text):
    """As Prometheus' own parser reads it: {family: {labels: value}}."""
    return {
        family.name: {
            tuple(sample.labels.values()): sample.value
            for sample in family.samples
        }
        for family in parser.text_string_to_metric_families(text)
    }
