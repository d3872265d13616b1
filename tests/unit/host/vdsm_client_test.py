# SPDX-License-Identifier: GPL-2.0-or-later
"""
Against a stand-in for the module vdsm.client, which tests/vdsm/cli_test.py
uses as it is.
"""

import sys
import types

import pytest

from vdsm_backup.host import vdsm_client

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


class Client:
    """Like vdsm.client: a namespace that it knows takes any name."""

    def __init__(self, answer):
        self._answer = answer
        self.closed = False

    def __getattr__(self, namespace):
        class Namespace:
            def __getattr__(_, verb):
                return lambda **a: self._answer(f"{namespace}.{verb}", a)

        return Namespace()

    def close(self):
        self.closed = True


def stand_in():
    module = types.ModuleType("vdsm.client")
    module.Error = type("Error", (Exception,), {})
    module.ConnectionError = type("ConnectionError", (module.Error,), {})
    module.TimeoutError = type("TimeoutError", (module.Error,), {})

    class ClientError(module.Error):
        reason = "cannot send"

    class ServerError(module.Error):
        code, resp_msg = 975, "in use"

    module.ClientError, module.ServerError = ClientError, ServerError
    return module


@pytest.fixture
def client(monkeypatch):
    """What the module was asked, and answers."""
    module = stand_in()
    module.calls = []
    module.answers = {}
    module.connect_error = None

    def answer(verb, arguments):
        module.calls.append((verb, arguments))
        result = module.answers.get(verb, {})
        if isinstance(result, type):
            raise result()
        return result

    def connect(host, port, use_tls):
        module.calls.append(("connect", host, port, use_tls))
        if module.connect_error:
            raise module.connect_error
        module.made = Client(answer)
        return module.made

    module.connect = connect
    package = types.ModuleType("vdsm")
    package.client = module
    settings = types.ModuleType("vdsm.config")
    settings.config = types.SimpleNamespace(
        getboolean=lambda section, option: (section, option) == ("vars", "ssl")
    )
    for name, made in (
        ("vdsm", package),
        ("vdsm.client", module),
        ("vdsm.config", settings),
    ):
        monkeypatch.setitem(sys.modules, name, made)
    return module


def vdsm(tls="no"):
    return vdsm_client.Vdsm("localhost", 54321, tls)


@pytest.mark.parametrize(
    "tls, used", [("auto", True), ("yes", True), ("no", False)]
)
def test_tls_is_as_vdsm_has_it(client, tls, used):
    with vdsm(tls):
        pass
    assert client.calls == [("connect", "localhost", 54321, used)]
    assert client.made.closed


def test_set_backup(client):
    client.answers["StorageDomain.setBackup"] = {"changed": True}
    with vdsm() as v:
        assert v.set_backup(SD, True, "why", False) == {"changed": True}
    assert client.calls[-1] == (
        "StorageDomain.setBackup",
        {
            "_timeout": vdsm_client.CHANGE,
            "storagedomainID": SD,
            "backup": True,
            "reason": "why",
            "expected": False,
        },
    )


@pytest.mark.parametrize(
    "status, spm",
    [
        ({"spmId": 1, "spmStatus": "SPM"}, (True, 1)),
        ({"spmId": 3, "spmStatus": "Free"}, (False, 3)),
        ({}, (False, -1)),
    ],
)
def test_spm(client, status, spm):
    client.answers["StoragePool.getSpmStatus"] = status
    with vdsm() as v:
        found = v.spm("pool")
    assert (found.here, found.host_id) == spm


@pytest.mark.parametrize(
    "stats, active",
    [
        ({SD: {"code": 0}}, True),
        # It cannot read the domain, and tries again and again.
        ({SD: {"code": 752}}, True),
        ({}, False),
    ],
)
def test_has_active(client, stats, active):
    client.answers["Host.getStorageRepoStats"] = stats
    with vdsm() as v:
        assert v.has_active(SD) is active
    assert client.calls[-1][1]["domains"] == [SD]


@pytest.mark.parametrize(
    "error, ours",
    [
        ("ServerError", vdsm_client.Refused),
        ("TimeoutError", vdsm_client.Unanswered),
        ("ClientError", vdsm_client.Unanswered),
    ],
)
def test_failures(client, error, ours):
    client.answers["StoragePool.getSpmStatus"] = getattr(client, error)
    with pytest.raises(ours) as e, vdsm() as v:
        v.spm("pool")
    if ours is vdsm_client.Refused:
        assert (e.value.code, str(e.value)) == (975, "in use")
    assert client.made.closed


def test_set_backup_for_somebody(client):
    """An older plugin is not sent what it does not know."""
    client.answers["StorageDomain.setBackup"] = {"changed": True}
    with vdsm() as v:
        v.set_backup(SD, True, "why", False, "eve@engine")
    assert client.calls[-1][1]["by"] == "eve@engine"


@pytest.mark.parametrize(
    "code, text, plugin",
    [
        (997, "Invalid argument by: it is empty", vdsm_client.Plugin(True)),
        (
            997,
            "Invalid argument backup: 'neither' is neither true nor false",
            vdsm_client.Plugin(False),
        ),
        (vdsm_client.METHOD_NOT_FOUND, "Method not found", None),
    ],
)
def test_plugin(client, code, text, plugin):
    client.ServerError.code = code
    client.ServerError.resp_msg = text
    client.answers["StorageDomain.setBackup"] = client.ServerError
    with vdsm() as v:
        assert v.plugin() == plugin
    # Neither true nor false: it is refused before anything is looked at, also
    # by a plugin that does not look at `by`.
    asked = client.calls[-1][1]
    assert (asked["by"], asked["backup"]) == ("", "neither")


def test_vdsm_that_cannot_tell_of_the_plugin(client):
    """While it starts it answers so to each verb, whether it has it or not."""
    client.ServerError.code = 99
    client.answers["StorageDomain.setBackup"] = client.ServerError
    with vdsm() as v:
        with pytest.raises(vdsm_client.Refused) as e:
            v.plugin()
    assert e.value.code == 99
    # Nobody waits for that as long as for a change.
    assert client.calls[-1][1]["_timeout"] == vdsm_client.ASK


def test_vdsm_does_not_run(client):
    client.connect_error = client.ConnectionError("refused \x1b")
    with pytest.raises(vdsm_client.Unreachable, match=r"refused \\x1b"):
        with vdsm():
            pass


def test_no_client(monkeypatch):
    monkeypatch.setitem(sys.modules, "vdsm", None)
    with pytest.raises(vdsm_client.Unreachable, match="not installed"):
        with vdsm():
            pass
