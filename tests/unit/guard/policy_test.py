# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from vdsm_backup import config
from vdsm_backup.guard import policy
from vdsm_backup.guard.policy import Settings

REFUSED = [r.operation for r in policy.TABLE if r.answer == policy.REFUSED]
LOGGED = {"live-snapshot", "live-merge", "recover"}


def test_what_starts_a_vm_or_destroys_a_domain_is_refused():
    assert REFUSED == [
        "run",
        "migrate-in",
        "hotplug",
        "replicate-to",
        "preview",
        "format",
    ]


def test_a_vm_that_runs_there_is_let_alone_and_logged():
    found = {r.operation for r in policy.TABLE if r.answer == policy.VIOLATION}
    assert found == LOGGED


def test_operations_are_unique():
    names = [row.operation for row in policy.TABLE]
    assert len(names) == len(set(names))


def test_what_may_be_found_has_words():
    for row in policy.TABLE:
        assert bool(row.verb) == policy.asks_storage(row.operation), row


@pytest.mark.parametrize("row", policy.TABLE, ids=lambda r: r.operation)
@pytest.mark.parametrize("known_flagged", [True, False])
def test_enforcing_refuses_by_the_table(row, known_flagged):
    refused = Settings().refuses(row.operation, known_flagged)
    may = row.operation == "format" and not known_flagged
    assert refused == (row.answer == policy.REFUSED and not may)


@pytest.mark.parametrize("row", policy.TABLE, ids=lambda r: r.operation)
def test_storage_is_asked_only_where_the_flag_matters(row):
    asks = policy.asks_storage(row.operation)
    assert asks == (row.answer != policy.ALLOWED)


def test_what_is_not_listed_is_allowed():
    assert policy.row("anything").answer == policy.ALLOWED
    assert not Settings().refuses("anything", True)
    assert not policy.asks_storage("anything")


@pytest.mark.parametrize("mode", [policy.PERMISSIVE, policy.DISABLED])
@pytest.mark.parametrize("known_flagged", [True, False])
def test_other_modes_refuse_nothing(mode, known_flagged):
    settings = Settings(mode=mode)
    for operation in REFUSED:
        assert not settings.refuses(operation, known_flagged)


def test_on_unreadable_allow_still_refuses_a_flag():
    settings = Settings(on_unreadable=policy.ALLOW)
    assert not settings.refuses("run", known_flagged=False)
    assert settings.refuses("run", known_flagged=True)


@pytest.mark.parametrize("on_unreadable", policy.ON_UNREADABLE)
def test_a_domain_whose_flag_cannot_be_read_may_be_formatted(on_unreadable):
    settings = Settings(on_unreadable=on_unreadable)
    assert not settings.refuses("format", known_flagged=False)
    assert settings.refuses("format", known_flagged=True)


@pytest.mark.parametrize("row", policy.TABLE, ids=lambda r: r.operation)
def test_faults_of_ours(row):
    """They do not make a domain one that may be formatted."""
    refused = row.answer == policy.REFUSED
    assert Settings().refuses_faults(row.operation) == refused
    for lenient in (
        Settings(on_unreadable=policy.ALLOW),
        Settings(mode=policy.PERMISSIVE),
    ):
        assert not lenient.refuses_faults(row.operation)


def test_the_configuration_has_the_same_words():
    assert config.CHOICES["guard", "mode"] == policy.MODES
    assert config.CHOICES["guard", "on_unreadable"] == policy.ON_UNREADABLE


def test_settings_of_the_configuration(tmp_path):
    path = tmp_path / "vdsm-backup.conf"
    path.write_text("")
    assert policy.settings(config.load(str(path))) == Settings()
    path.write_text("[guard]\nmode = permissive\non_unreadable = allow\n")
    found = policy.settings(config.load(str(path)))
    assert (found.mode, found.on_unreadable) == ("permissive", "allow")
