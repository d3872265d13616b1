# SPDX-License-Identifier: GPL-2.0-or-later
"""
A configuration that cannot be used when VDSM starts: the plugin is in place
all the same, refuses VMs until it is mended, and loses no flag meanwhile. The
same when that happens later. VDSM is never restarted here.
"""

import json
import os
import subprocess
import sys
import syslog

import pytest

from tests import ROOT
from tests.support import outside
from tests.support.vdsm import launching
from tests.support.vdsm import vdsmguest as guests
from tests.support.vdsm.refusals import refused
from tests.support.vdsm.vdsmguest import Guest
from vdsm_backup import errors


@pytest.fixture(params=["at start", "later"])
def host(start, request):
    host = start(own_config=True)
    if request.param == "later":
        host.mend_config()
        host.local_domain()
        host.break_config()
    return host


def test_vms_are_refused_until_it_is_mended(host):
    (sd_id, metafile), (other, _) = guests.regular_domains(host)
    disk = guests.disk(host, host.sp_id, sd_id)
    text = Guest(host, disk).start()
    assert text.startswith("Not because it is flagged: Configuration ")
    assert host.drop_ins in text
    assert text.endswith("(error 987)")
    host.mend_config()
    running = Guest(host, disk, name="web2")
    assert running.start() == ""
    host.break_config()
    plugged = guests.disk(host, host.sp_id, other, "vdb")
    params = {"vmId": running.id, "xml": guests.plug_xml(plugged)}
    plug = {"vmID": running.id, "params": params}
    assert guests.refused(host.call, "VM.hotplugDisk", **plug)[0] == 987
    running.destroy()
    host.mend_config()
    outside.put_flag(metafile)
    assert "(error 994)" in Guest(host, disk, name="web3").start()


def test_no_flag_is_lost_meanwhile(host):
    (sd_id, metafile), _ = guests.regular_domains(host)
    host.info(sd_id)
    outside.put_flag(metafile)
    host.describe(sd_id, "new name")
    assert outside.values(metafile)["DESCRIPTION"] == "new name"
    assert outside.read_flag(metafile) == outside.FLAG


def test_verbs(host):
    """A change needs to know where its copy is kept; to read does not."""
    (sd_id, metafile), _ = guests.regular_domains(host)
    before = outside.values(metafile)
    refused(errors.ConfigInvalid, host.set_backup, sd_id)
    assert outside.values(metafile) == before
    assert host.get_backup(sd_id)["backup"] is False
    assert host.info(sd_id)["backup"] is False
    host.mend_config()
    assert host.set_backup(sd_id)["changed"] is True
    assert os.listdir(host.history) == [sd_id]


# The host's own configuration is elsewhere; VDSM's main is not run.
CUSTOM = """
from vdsm_backup import config
config.PATH = {path!r}
from vdsm import vdsmd
def main():
    import json
    from vdsm_backup.plugin import gatekeeper, install
    try:
        gatekeeper.Gate(None).require_allowed("run", "VM x")
    except Exception as e:
        said = str(e)
    with open({told!r}, "w") as f:
        json.dump([install.installed(), said], f)
vdsmd.main = main
"""


def test_started_by_the_launcher(tmp_path):
    place = launching.Place(str(tmp_path))
    place.remove_package("vdsm")
    told = str(tmp_path / "told-by-main")
    path = tmp_path / "etc" / "vdsm-backup.conf"
    path.parent.mkdir()
    path.write_text("[guard]\nmode = maybe\n")
    place.custom(CUSTOM.format(path=str(path), told=told))
    more = os.environ.get("PYTHONPATH", "")
    done = subprocess.run(
        [sys.executable, place.launcher],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{more}"},
    )
    assert done.returncode == 0, place.said()
    assert f"Configuration {path}" in place.said(syslog.LOG_ERR)
    assert place.said(syslog.LOG_INFO) == "the plugin is in place\n"
    with open(told) as f:
        installed, said = json.load(f)
    assert installed
    # The line is cut where the path is long.
    assert f"Configuration {path}"[:60] in said
    assert "[guard] mode: 'maybe'" in said
