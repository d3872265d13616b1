# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from tests.support import commandline, testhost
from vdsm_backup.host import hosted_engine, vdsm_running
from vdsm_backup.lease import client
from vdsm_backup.users import users


@pytest.fixture
def host(tmp_path, monkeypatch):
    """
    A host for the command line in this process. The lease is free, and who
    uses domains is what the test says.
    """
    with testhost.Host(tmp_path, io_timeout=3) as host:
        host.users = users.Users(notes=["not seen: anything"])
        host.hosted_engine = None
        monkeypatch.setattr(users, "find", lambda *args: host.users)
        monkeypatch.setattr(client, "take", commandline.free_lease)
        elsewhere = str(tmp_path / "vdsm")
        monkeypatch.setattr(vdsm_running, "BOOTED", elsewhere)
        monkeypatch.setattr(vdsm_running, "CONF", elsewhere)
        monkeypatch.setattr(vdsm_running, "DROP_INS", ())
        monkeypatch.setattr(vdsm_running, "RUN_DIRS", ())
        monkeypatch.setattr(
            hosted_engine,
            "is_hosted_engine",
            lambda sd_id: sd_id == host.hosted_engine,
        )
        yield host
