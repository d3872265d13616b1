# SPDX-License-Identifier: GPL-2.0-or-later
"""
What happens to the packages on a host that systemd boots, once: storage is
there, VDSM starts, a VM is refused, the timer's service reads all; then the
packages are upgraded and erased.
"""

import shlex

from tests.e2e import domains
from tests.e2e.stories import disk
from tests.e2e.vmxml import vm
from tests.support.documented import journal_lines
from tests.support.packages import removing

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


def play(host):
    """What was seen and said, by what."""
    seen = {"boot": host.run("stat -c '%n %A %U %G' /run/vdsm-backup").out}
    seen["failed"] = host.run("systemctl --failed --plain --no-legend").out
    host.run(STORAGE)
    domain, _ = domains.make(host, BACKUPS, LUN)
    host.run(VDSM)
    seen["vdsmd"] = properties(host, VDSMD)
    host.tool("set", domain.sd_id, "--reason", WHY, check=0)
    with disk(host, domain) as path:
        seen["refused"] = host.hook("before_vm_start", vm(path)).wait()
    host.run(METRICS)
    seen["service"] = properties(host, SERVICE)
    seen["status"] = host.run(f"cat {STATUS}").out
    seen["metrics"] = host.run(f"cat {PROM}").out
    seen["log"] = host.json("log")["entries"]
    seen["by hand"] = [
        host.run([*shlex.split(line), "-o", "cat"]).out
        for line in journal_lines()
    ]
    seen["launcher"] = host.run(
        "journalctl -o cat -t vdsm-backup-domain _SYSTEMD_UNIT=vdsmd.service"
    ).out
    host.run(UPGRADE)
    seen["upgraded"] = [properties(host, x) for x in (VDSMD, TIMER)]
    erase = ["rpm", "--force-debian", "-e", *NAMES]
    host.run([*removing.command("/run/removed"), *erase])
    seen["removed"] = removing.paths(host.run("cat /run/removed").out)
    seen["erased"] = properties(host, VDSMD)
    # The package of systemd does so on EL, after any transaction with units.
    host.run("systemctl daemon-reload")
    seen["timer at the end"] = properties(host, TIMER)
    seen["left"] = host.run(LEFT).out.splitlines()
    seen["domain"] = domain
    return seen


def properties(host, unit):
    names = "ActiveState,Result,ExecMainStatus,MainPID,DropInPaths,LoadState"
    names += ",NeedDaemonReload,UnitFileState,CapabilityBoundingSet"
    out = host.run(f"systemctl show -p {names} {unit}").out
    return dict(line.split("=", 1) for line in out.splitlines())
