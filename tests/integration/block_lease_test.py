# SPDX-License-Identifier: GPL-2.0-or-later
"""The LVs that sanlock needs: activated, and deactivated again."""

import contextlib
import os

import pytest

from tests.support.blocktools import needs_block, storage
from vdsm_backup import errors, lvm
from vdsm_backup.storage import block

pytest_plugins = ["tests.support.blockfixtures"]
pytestmark = needs_block


def test_lease_on_lvs_that_are_active(shared_block_domain, monkeypatch):
    monkeypatch.setattr(lvm.Lvm, "activate", None)
    monkeypatch.setattr(lvm.Lvm, "deactivate", None)
    with storage(shared_block_domain).lease() as paths:
        for name in ("ids", "leases"):
            path = getattr(paths, name)
            assert path == shared_block_domain.lv_path(name)
            assert os.path.realpath(path).startswith("/dev/loop")


class Activation:
    """lvchange on a machine with device-mapper: it makes the paths."""

    def __init__(self, domain, monkeypatch):
        self.domain = domain
        self.calls = []
        self.failures = 0
        monkeypatch.setattr(lvm.Lvm, "activate", self.activate)
        monkeypatch.setattr(lvm.Lvm, "deactivate", self.deactivate)

    def activate(self, vg, names):
        self.calls.append(("activate", tuple(names)))
        for name in names:
            os.symlink("/dev/null", self.domain.lv_path(name))

    def deactivate(self, vg, names):
        self.calls.append(("deactivate", tuple(names)))
        if self.failures:
            self.failures -= 1
            raise errors.LvmFailed("lvchange", 5, "in use")
        for name in names:
            os.unlink(self.domain.lv_path(name))


@pytest.mark.parametrize(
    "inactive", [("ids",), ("leases",), ("ids", "leases")]
)
def test_only_what_was_not_active_is_deactivated(
    block_domain, monkeypatch, inactive
):
    for name in inactive:
        os.unlink(block_domain.lv_path(name))
    activation = Activation(block_domain, monkeypatch)
    with contextlib.suppress(ZeroDivisionError):
        with storage(block_domain).lease():
            assert activation.calls == [("activate", inactive)]
            raise ZeroDivisionError
    assert activation.calls[1:] == [("deactivate", inactive)]


def test_sanlock_may_take_a_moment_to_close(block_domain, monkeypatch):
    os.unlink(block_domain.lv_path("ids"))
    activation = Activation(block_domain, monkeypatch)
    activation.failures = 2
    with storage(block_domain).lease():
        pass
    assert not os.path.exists(block_domain.lv_path("ids"))


def test_no_device_mapper_is_said(block_domain):
    os.unlink(block_domain.lv_path("ids"))
    with pytest.raises(errors.LvmFailed, match="lvchange"):
        with storage(block_domain).lease():
            raise AssertionError("got a lease")


def test_lvs_that_do_not_appear(block_domain, monkeypatch):
    os.unlink(block_domain.lv_path("ids"))
    monkeypatch.setattr(lvm.Lvm, "activate", lambda *args: None)
    with pytest.raises(errors.LvmFailed, match="did not appear"):
        with storage(block_domain).lease():
            raise AssertionError("got a lease")


def test_lvs_that_stay_are_a_warning(block_domain, monkeypatch, caplog):
    """The change was made; that is what the user must hear."""
    os.unlink(block_domain.lv_path("ids"))
    monkeypatch.setattr(block, "CLOSING", 0)
    Activation(block_domain, monkeypatch).failures = 99
    with storage(block_domain).lease():
        pass
    assert "Cannot deactivate ids" in caplog.text
