# SPDX-License-Identifier: GPL-2.0-or-later
# A host of the box, as VDSM has one; with the product, by its packages.
# usage: host.sh NUMBER
set -ex
number=$1

ip route add 10.77.0.1 via 10.77.$number.1
echo "10.77.0.1 storage" >>/etc/hosts

# Of all that VDSM's package grants, what the product needs.
echo 'vdsm ALL=(ALL) NOPASSWD: /usr/sbin/lvm' >/etc/sudoers.d/50_vdsm

mkdir -p /run/sanlock /run/wdmd
chown sanlock:sanlock /run/sanlock
install -o sanlock -g sanlock /dev/null /var/log/sanlock.log
wdmd -S0 -G sanlock
# As many threads as VDSM configures. With sanlock's 8 no more than 8 lockspaces
# are joined at a time, and one that a dead host was in takes minutes.
sanlock daemon -U sanlock -G sanlock -e "host$number" -t 50

# There is no VDSM, which would load the plugin; nor its package, nor any other
# that rpm knows of. On EL, systemd's package has a trigger for tmpfiles.
cd /opt/box/product
rpm --force-debian --nodeps -i vdsm-backup-domain-{0,hooks}*.rpm
systemd-tmpfiles --create vdsm-backup.conf

# The last thing that storage opens. `nc` is not here.
until (: </dev/tcp/10.77.0.1/3263) 2>/dev/null; do sleep 0.5; done

multipathd
modprobe iscsi_tcp
echo "InitiatorName=iqn.2024-01.com.example:host$number" \
    >/etc/iscsi/initiatorname.iscsi
mkdir -p /run/lock/iscsi
iscsid
iscsiadm -m discovery -t st -p 10.77.0.1
iscsiadm -m discovery -t st -p 10.77.0.1:3262
iscsiadm -m node --login

# Options of VDSM (lib/vdsm/storage/storageServer.py), with the version that
# the engine asks for.
options=soft,nosharecache,timeo=100,retrans=3,vers=4.2
mkdir -p /rhev/data-center/mnt/blockSD
for export in nfs slow; do
    point=/rhev/data-center/mnt/storage:_srv_$export
    mkdir -p $point
    chown vdsm:kvm $point
    mount -t nfs -o $options storage:/srv/$export $point
done
chown vdsm:kvm /rhev/data-center /rhev/data-center/mnt

udevadm settle -t 120
# Four LUNs by two paths each, and three disks.
until [ "$(multipathd show maps raw format %w | wc -l)" -ge 7 ] &&
    [ "$(multipathd show paths raw format %w | wc -l)" -ge 11 ]
do
    sleep 0.3
done
multipathd show maps
multipathd show paths
