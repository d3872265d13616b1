# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from vdsm_backup import errors
from vdsm_backup.host.hosted_engine import is_hosted_engine

SD = "2f6d9d54-5d0c-4f8b-9c1e-6a9a6ff0d001"
OTHER = "2f6d9d54-5d0c-4f8b-9c1e-6a9a6ff0d002"


@pytest.fixture
def conf(tmp_path):
    return tmp_path / "hosted-engine.conf"


def ask(conf, *lines):
    conf.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    return is_hosted_engine(SD, str(conf))


@pytest.mark.parametrize(
    "line",
    [
        f"sdUUID={SD}",
        f"sdUUID = {SD} ",
        f"sdUUID={SD.upper()}",
        f"sdUUID={SD}\r",
    ],
)
def test_this_domain(conf, line):
    assert ask(conf, "fqdn=engine.example", line, "spUUID=0") is True


@pytest.mark.parametrize(
    "line",
    [
        f"sdUUID={OTHER}",
        f"#sdUUID={SD}",
        f"vm_disk_id={SD}",
        f"oldsdUUID={SD}",
        f"sdUUID={SD}0",
        "sdUUID=",
        "sdUUID",
        "",
    ],
)
def test_not_this_domain(conf, line):
    assert ask(conf, "fqdn=engine.example", line) is False


def test_other_keys_need_not_be_text(conf):
    assert ask(conf, "console=\udcff\udcfe", f"sdUUID={SD}") is True


def test_a_host_without_hosted_engine(conf):
    assert is_hosted_engine(SD, str(conf)) is False


def test_a_file_that_cannot_be_read(conf):
    conf.mkdir()
    with pytest.raises(errors.ConfigInvalid) as e:
        is_hosted_engine(SD, str(conf))
    assert e.value.path == str(conf)
    assert "directory" in str(e.value)
