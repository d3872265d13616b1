# SPDX-License-Identifier: GPL-2.0-or-later
"""
The packages on a host that systemd boots: what they bring is started and
stopped by systemd, told to its journal, and taken away by rpm. See
packages_story.py.
"""

from tests.e2e.packages_story import DROP_IN, PROM, WHY
from tests.support.metrics import families
from vdsm_backup.doctor import hook_scripts

LIBRARY = "/usr/lib/python3/dist-packages/vdsm_backup/"

# What is left of others: systemd, rpm, and the tests and their storage.
OTHERS = ("/var/log/", "/var/lib/systemd/", "/root/.rpmdb", "/etc/lvm/")
OTHERS += ("/opt/box/", "/rhev", "/srv/", "/tmp/", "/var/tmp/")


def test_the_boot_makes_the_run_directory(packaged):
    assert packaged["boot"] == "/run/vdsm-backup drwxr-xr-x vdsm kvm\n"
    assert "vdsm" not in packaged["failed"]


def test_vdsm_is_started_by_the_launcher(packaged):
    """It goes on without the plugin, and says so."""
    started = packaged["vdsmd"]
    assert started["DropInPaths"] == DROP_IN
    assert started["ActiveState"] == "active"
    assert "starting VDSM WITHOUT the plugin" in packaged["launcher"]


def test_the_timer_starts_the_service(packaged):
    service = packaged["service"]
    # 3: this VDSM answers nobody, see below.
    assert (service["Result"], service["ExecMainStatus"]) == ("success", "3")


def test_the_service_can_do_little(packaged):
    """By what the kernel says of a process of it."""
    status = dict(
        line.split(":\t", 1) for line in packaged["status"].splitlines()
    )
    assert status["NoNewPrivs"] == "1"
    # A filter of system calls.
    assert status["Seccomp"] == "2"
    names = packaged["service"]["CapabilityBoundingSet"].split()
    assert 0 < len(names) < 10
    assert bin(int(status["CapBnd"], 16)).count("1") == len(names)


def test_the_service_reads_all(packaged):
    """Storage, lvm, the journal, and the hooks."""
    found = families(packaged["metrics"])
    flags = {
        labels[1:]: value
        for labels, value in found["vdsm_backup_domain_flagged"].items()
    }
    assert flags == {("backups", "file"): 1, ("lun", "block"): 0}
    parts = found["vdsm_backup_part_unreadable"]
    assert {name for (name,), value in parts.items() if value} == {"plugin"}
    hooks = found["vdsm_backup_hook_installed"]
    points = {*hook_scripts.POINTS, hook_scripts.LIBVIRT_POINT}
    assert hooks == {(point,): 1 for point in points}
    assert found["vdsm_backup_refusals"]["run",] == 1


def test_log_tells_of_the_change_and_of_the_refusal(packaged):
    assert packaged["refused"].rc == 2
    change, refusal = packaged["log"]
    sd_id = packaged["domain"].sd_id
    assert (change["action"], change["result"]) == ("set", "done")
    assert (change["domain"], change["reason"]) == (sd_id, WHY)
    assert change["host_id"] == 250
    assert (refusal["operation"], refusal["result"]) == ("run", "refused")
    assert (refusal["domain"], refusal["code"]) == (sd_id, 994)


def test_journalctl_tells_the_same(packaged):
    changes, refusals = packaged["by hand"]
    assert changes == packaged["log"][0]["message"] + "\n"
    assert refusals == packaged["log"][1]["message"] + "\n"


def test_hooks_and_drop_in_are_removed_first(packaged):
    order = packaged["removed"]
    library = [i for i, path in enumerate(order) if path.startswith(LIBRARY)]
    assert len(library) > 200
    hooks = [p for p in order if p.endswith(f"/{hook_scripts.HOOK}")]
    assert len(hooks) == 5
    launcher = order.index("/usr/libexec/vdsm-backup/vdsmd")
    assert max(map(order.index, hooks)) < library[0]
    assert order.index(DROP_IN) < min(launcher, library[0])


def test_configuration_and_history_are_left(packaged):
    left = {path for path in packaged["left"] if not path.startswith(OTHERS)}
    history = f"/var/lib/vdsm-backup/history/{packaged['domain'].sd_id}"
    (copy,) = [path for path in left if path.endswith(".json")]
    assert copy.startswith(f"{history}/")
    assert left == {
        *("/etc/vdsm-backup", "/etc/vdsm-backup/conf.d"),
        "/etc/vdsm-backup/conf.d/site.conf",
        *("/var/lib/vdsm-backup", "/var/lib/vdsm-backup/history"),
        *(history, copy),
        # What the site has made, for a collector and for its VDSM.
        *("/var/lib/node_exporter", PROM.rpartition("/")[0], PROM),
        *("/usr/libexec/vdsm/daemonAdapter", "/usr/libexec/vdsm/vdsmd"),
        "/etc/systemd/system/vdsmd.service",
    }


def test_vdsm_goes_on(packaged):
    """Nothing restarts it; it starts without the plugin when all is erased."""
    vdsmd, erased = packaged["upgraded"][0], packaged["erased"]
    before = packaged["vdsmd"]["MainPID"]
    assert before != "0"
    assert [vdsmd["MainPID"], erased["MainPID"]] == [before, before]
    assert (vdsmd["DropInPaths"], erased["DropInPaths"]) == (DROP_IN, "")
    assert erased["NeedDaemonReload"] == "no"


def test_the_timer_goes_on_until_it_is_erased(packaged):
    upgraded, erased = packaged["upgraded"][1], packaged["timer at the end"]
    names = ("LoadState", "UnitFileState", "ActiveState")
    assert [upgraded[n] for n in names] == ["loaded", "enabled", "active"]
    assert [erased[n] for n in names] == ["not-found", "", "inactive"]
