# SPDX-License-Identifier: GPL-2.0-or-later
"""
The packages on a host that systemd boots: what they bring is started and
stopped by systemd, told to its journal, and taken away by rpm.
"""

import shlex

import pytest

from tests.e2e import domains
from tests.e2e.stories import disk
from tests.e2e.vmxml import vm
from tests.support.documented import journal_lines
from tests.support.metrics import families
from tests.support.packages import removing
from vdsm_backup.doctor import hook_scripts

BACKUPS = domains.Domain(
    "backups", "nfs", 5, "/rhev/data-center/mnt/server:_backups"
)
# As a LUN: what lvm is limited to, a map of device-mapper.
LUN = domains.Domain("lun", "shared", 4, "lun")
WHY = "nightly copies"

VDSMD = "vdsmd.service"
TIMER = "vdsm-backup-domain-metrics.timer"
SERVICE = "vdsm-backup-domain-metrics.service"
PROM = "/var/lib/node_exporter/textfile_collector/vdsm_backup.prom"
STATUS = "/run/status-of-the-service"
DROP_IN = "/usr/lib/systemd/system/vdsmd.service.d/50-vdsm-backup.conf"
LIBRARY = "/usr/lib/python3/dist-packages/vdsm_backup/"
NAMES = [f"vdsm-backup-domain{part}" for part in ("-vdsm", "-hooks", "")]

STORAGE = f"""
modprobe -a loop dm_mod
mkdir -p {BACKUPS.place} /rhev/data-center/mnt/blockSD
chown vdsm:kvm {BACKUPS.place}
truncate -s 8G /srv/lun
loop=$(losetup --find --show /srv/lun)
echo "0 $(blockdev --getsz $loop) linear $loop 0" | dmsetup create lun
cat >/etc/vdsm-backup/conf.d/site.conf <<EOF
[lvm]
devices = /dev/mapper/lun
EOF
# Nothing resets this machine if it stands still.
sanlock daemon -w 0 -U sanlock -G sanlock -e host3
"""

# A VDSM whose modules are not there: the launcher has to go on without the
# plugin. Its adapter is like VDSM's in what the launcher relies on.
VDSM = """
cd /usr/libexec/vdsm
cat >daemonAdapter <<'EOF'
#!/bin/bash
export PYTHONPATH=$(dirname "${@: -1}")
exec "${@: -1}"
EOF
cat >vdsmd <<'EOF'
#!/bin/sh
exec sleep infinity
EOF
chmod 755 daemonAdapter vdsmd
cat >/etc/systemd/system/vdsmd.service <<EOF
[Service]
User=vdsm
Group=kvm
ExecStart=/usr/libexec/vdsm/daemonAdapter "/usr/libexec/vdsm/vdsmd"
EOF
systemctl daemon-reload
systemctl start vdsmd
"""

# As docs/monitoring.md says, but at once; and a look at what the service has.
# The metrics are to have the refusal, which journald may not have read yet.
METRICS = f"""
journalctl --sync
mkdir -p {PROM.rpartition("/")[0]} /run/systemd/system/{{{TIMER},{SERVICE}}}.d
cat >/run/systemd/system/{TIMER}.d/now.conf <<EOF
[Timer]
OnBootSec=1
RandomizedDelaySec=0
EOF
cat >/run/systemd/system/{SERVICE}.d/look.conf <<EOF
[Service]
ExecStartPre=cp /proc/self/status {STATUS}
EOF
systemctl enable --now {TIMER}
until [ -e {PROM} ]; do
    ! systemctl --quiet is-failed {SERVICE} || exit 1
    sleep 0.5
done
# It may not have ended yet.
while systemctl show -p ActiveState {SERVICE} | grep -q =activating; do
    sleep 0.5
done
"""

# Of the same release, on a host that runs: scriptlets take it for an upgrade.
UPGRADE = """
cd /opt/box/product
rpm --force-debian --nodeps -U --replacepkgs \
    vdsm-backup-domain-{0,hooks,vdsm}*.rpm
"""

LEFT = "find / -xdev | sort | comm -13 /run/without-us -"
# What is left of others: systemd, rpm, and the tests and their storage.
OTHERS = ("/var/log/", "/var/lib/systemd/", "/root/.rpmdb", "/etc/lvm/")
OTHERS += ("/opt/box/", "/rhev", "/srv/", "/tmp/", "/var/tmp/")


@pytest.fixture(scope="module")
def story(booted):
    """What was seen and said, by what."""
    seen = {"boot": booted.run("stat -c '%n %A %U %G' /run/vdsm-backup").out}
    seen["failed"] = booted.run("systemctl --failed --plain --no-legend").out
    booted.run(STORAGE)
    domain, _ = domains.make(booted, BACKUPS, LUN)
    booted.run(VDSM)
    seen["vdsmd"] = properties(booted, VDSMD)
    booted.tool("set", domain.sd_id, "--reason", WHY, check=0)
    with disk(booted, domain) as path:
        seen["refused"] = booted.hook("before_vm_start", vm(path)).wait()
    booted.run(METRICS)
    seen["service"] = properties(booted, SERVICE)
    seen["status"] = booted.run(f"cat {STATUS}").out
    seen["metrics"] = booted.run(f"cat {PROM}").out
    seen["log"] = booted.json("log")["entries"]
    seen["by hand"] = [
        booted.run([*shlex.split(line), "-o", "cat"]).out
        for line in journal_lines()
    ]
    seen["launcher"] = booted.run(
        "journalctl -o cat -t vdsm-backup-domain _SYSTEMD_UNIT=vdsmd.service"
    ).out
    booted.run(UPGRADE)
    seen["upgraded"] = [properties(booted, x) for x in (VDSMD, TIMER)]
    erase = ["rpm", "--force-debian", "-e", *NAMES]
    booted.run([*removing.command("/run/removed"), *erase])
    seen["removed"] = removing.paths(booted.run("cat /run/removed").out)
    seen["erased"] = properties(booted, VDSMD)
    # The package of systemd does so on EL, after any transaction with units.
    booted.run("systemctl daemon-reload")
    seen["timer at the end"] = properties(booted, TIMER)
    seen["left"] = booted.run(LEFT).out.splitlines()
    seen["domain"] = domain
    return seen


def properties(host, unit):
    names = "ActiveState,Result,ExecMainStatus,MainPID,DropInPaths,LoadState"
    names += ",NeedDaemonReload,UnitFileState,CapabilityBoundingSet"
    out = host.run(f"systemctl show -p {names} {unit}").out
    return dict(line.split("=", 1) for line in out.splitlines())


def test_the_boot_makes_the_run_directory(story):
    assert story["boot"] == "/run/vdsm-backup drwxr-xr-x vdsm kvm\n"
    assert "vdsm" not in story["failed"]


def test_vdsm_is_started_by_the_launcher(story):
    """It goes on without the plugin, and says so."""
    started = story["vdsmd"]
    assert started["DropInPaths"] == DROP_IN
    assert started["ActiveState"] == "active"
    assert "starting VDSM WITHOUT the plugin" in story["launcher"]


def test_the_timer_starts_the_service(story):
    service = story["service"]
    # 3: this VDSM answers nobody, see below.
    assert (service["Result"], service["ExecMainStatus"]) == ("success", "3")


def test_the_service_can_do_little(story):
    """By what the kernel says of a process of it."""
    status = dict(
        line.split(":\t", 1) for line in story["status"].splitlines()
    )
    assert status["NoNewPrivs"] == "1"
    # A filter of system calls.
    assert status["Seccomp"] == "2"
    names = story["service"]["CapabilityBoundingSet"].split()
    assert 0 < len(names) < 10
    assert bin(int(status["CapBnd"], 16)).count("1") == len(names)


def test_the_service_reads_all(story):
    """Storage, lvm, the journal, and the hooks."""
    found = families(story["metrics"])
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


def test_log_tells_of_the_change_and_of_the_refusal(story):
    assert story["refused"].rc == 2
    change, refusal = story["log"]
    sd_id = story["domain"].sd_id
    assert (change["action"], change["result"]) == ("set", "done")
    assert (change["domain"], change["reason"]) == (sd_id, WHY)
    assert change["host_id"] == 250
    assert (refusal["operation"], refusal["result"]) == ("run", "refused")
    assert (refusal["domain"], refusal["code"]) == (sd_id, 994)


def test_journalctl_tells_the_same(story):
    changes, refusals = story["by hand"]
    assert changes == story["log"][0]["message"] + "\n"
    assert refusals == story["log"][1]["message"] + "\n"


def test_hooks_and_drop_in_are_removed_first(story):
    order = story["removed"]
    library = [i for i, path in enumerate(order) if path.startswith(LIBRARY)]
    assert len(library) > 200
    hooks = [p for p in order if p.endswith(f"/{hook_scripts.HOOK}")]
    assert len(hooks) == 5
    launcher = order.index("/usr/libexec/vdsm-backup/vdsmd")
    assert max(map(order.index, hooks)) < library[0]
    assert order.index(DROP_IN) < min(launcher, library[0])


def test_configuration_and_history_are_left(story):
    left = {path for path in story["left"] if not path.startswith(OTHERS)}
    history = f"/var/lib/vdsm-backup/history/{story['domain'].sd_id}"
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


def test_vdsm_goes_on(story):
    """Nothing restarts it; it starts without the plugin when all is erased."""
    vdsmd, erased = story["upgraded"][0], story["erased"]
    before = story["vdsmd"]["MainPID"]
    assert before != "0"
    assert [vdsmd["MainPID"], erased["MainPID"]] == [before, before]
    assert (vdsmd["DropInPaths"], erased["DropInPaths"]) == (DROP_IN, "")
    assert erased["NeedDaemonReload"] == "no"


def test_the_timer_goes_on_until_it_is_erased(story):
    upgraded, erased = story["upgraded"][1], story["timer at the end"]
    names = ("LoadState", "UnitFileState", "ActiveState")
    assert [upgraded[n] for n in names] == ["loaded", "enabled", "active"]
    assert [erased[n] for n in names] == ["not-found", "", "inactive"]
