# SPDX-License-Identifier: GPL-2.0-or-later
import os

import pytest

from tests import ROOT
from vdsm_backup import errors
from vdsm_backup.bridge import settings

SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
ENGINE = """
[engine]
url = https://engine.example.com/ovirt-engine/api/
user = bridge@internal
"""
UNIT = "contrib/systemd/vdsm-backup-domain-bridge.service"
CREDENTIALS = {"CREDENTIALS_DIRECTORY": "/run/credentials/x"}


@pytest.fixture
def load(tmp_path):
    def load(text, environ=CREDENTIALS):
        path = tmp_path / "bridge.conf"
        path.write_text(text)
        return settings.load(str(path), environ)

    return load


def test_what_must_be_set_is_enough(load):
    assert load(ENGINE) == settings.Settings(
        url="https://engine.example.com/ovirt-engine/api",
        ca_file="/etc/pki/ovirt-engine/ca.pem",
        user="bridge@internal",
        password_file="/run/credentials/x/password",
        host_user="",
        identity_file="/run/credentials/x/identity",
        poll=5,
        compare=300,
        on_untick_clear=False,
        grace=1800,
        domains=(),
        state="/var/lib/vdsm-backup/bridge",
        metrics="",
    )


def test_everything(load):
    found = load(
        ENGINE + "password_file = /p\nca_file =\n[hosts]\nuser = admin\n"
        f"identity_file = /i\n[bridge]\npoll = 20\ncompare = 60\n"
        f"on_untick = clear\nuntick_grace = 0\ndomains = {SD}, {SD}\n"
        "state = /s\nmetrics = /m\n"
    )
    assert found[1:] == (
        *(None, "bridge@internal", "/p", "admin", "/i", 20, 60, True, 0),
        *((SD, SD), "/s", "/m"),
    )
    assert found.engine == "engine.example.com"


@pytest.mark.parametrize(
    "text, words",
    [
        ("", r"\[engine\] url is not set"),
        ("[engine]\nurl = https://e\n", "user is not set"),
        ("[engine]\nurl = http://e/\nuser = a\n", "https://"),
        (ENGINE + "[bridge]\npoll = 0\n", "poll is not between 1 and 600"),
        (ENGINE + "[bridge]\npoll = x\n", "is no number: 'x'"),
        (ENGINE + "[bridge]\npoll = nan\n", "is not between"),
        (ENGINE + "[bridge]\non_untick = both\n", "is none of report, clear"),
        (ENGINE + "[bridge]\ndomains = backups\n", "has no UUID: 'backups'"),
        (ENGINE + "[bridge]\nstate = here\n", "is no absolute path"),
        (ENGINE + "[bridge]\nallow = set\n", r"\[bridge\] allow is unknown"),
        (ENGINE + "[guard]\nmode = x\n", r"\[guard\] mode is unknown"),
        (ENGINE + "what\n", "line"),
        ("x", "no section"),
    ],
)
def test_what_makes_no_sense(load, text, words):
    with pytest.raises(errors.BridgeConfig, match=words):
        load(text)


def test_in_a_shell_the_files_of_the_unit_are_taken(load):
    found = load(ENGINE, {})
    with open(os.path.join(ROOT, UNIT)) as f:
        unit = f.read().splitlines()
    assert f"LoadCredential=password:{found.password_file}" in unit
    assert f"LoadCredential=identity:{found.identity_file}" in unit


def test_no_file(tmp_path):
    with pytest.raises(errors.BridgeConfig, match="No such file"):
        settings.load(str(tmp_path / "none"), {})
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(errors.BridgeConfig, match="is no text"):
        settings.load(str(tmp_path / "bytes"), {})


def test_password_is_read_anew(load, tmp_path):
    file = tmp_path / "password"
    found = load(ENGINE + f"password_file = {file}\n")
    file.write_text("one & two\n")
    assert found.password() == "one & two"
    file.write_text("three")
    assert found.password() == "three"
    file.write_text("\n")
    with pytest.raises(errors.BridgeConfig, match="is empty"):
        found.password()
    file.unlink()
    with pytest.raises(errors.BridgeConfig, match="No such file"):
        found.password()


def test_page_has_every_option():
    with open(os.path.join(ROOT, "docs", "bridge.md")) as f:
        page = f.read()
    for section, options in settings.DEFAULTS.items():
        for option, default in options.items():
            shown = f"`{default}`" if default else ""
            row = f"| `[{section}]` | `{option}` | {shown}"
            assert row in page, row
