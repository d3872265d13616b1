# SPDX-License-Identifier: GPL-2.0-or-later
# The storage of the box: NFS exports, and LUNs by iSCSI on two portals.
set -ex

ip address add 10.77.0.1/32 dev lo
sysctl -q net.ipv4.ip_forward=0
modprobe -a nfsd nfsv4 target_core_mod target_core_file iscsi_target_mod
mount -t configfs configfs /sys/kernel/config
mkdir -p /run/rpc_pipefs
mount -t rpc_pipefs rpc_pipefs /run/rpc_pipefs
mount -t nfsd nfsd /proc/fs/nfsd

# Storage of its own that can be made to hang: `dmsetup suspend NAME`.
hanging() {
    truncate -s "$2" "/srv/$1.img"
    device=$(losetup --find --show "/srv/$1.img")
    echo "0 $(blockdev --getsz "$device") linear $device 0" |
        dmsetup create "$1"
}
udevadm settle

# Root is squashed, which is what nfsd does unless told otherwise.
export_it() {
    chown 36:36 "$1"
    chmod 755 "$1"
    echo "$1 *(rw,sync,no_subtree_check,insecure,fsid=$2)" >>/etc/exports
}
mkdir -p /srv/nfs /srv/slow
hanging slow 300M
mkfs.ext4 -q /dev/mapper/slow
mount /dev/mapper/slow /srv/slow
export_it /srv/nfs 1
export_it /srv/slow 2

mkdir -p /run/rpcbind
rpcbind -w
# Short, or what a host had open when it lost its power stays for long.
echo 15 >/proc/fs/nfsd/nfsv4leasetime
nfsdcld
exportfs -ra
rpc.nfsd -V 4.2 8
# Nobody has locks from before. A server that has just started may be busy.
until grep -q Y /proc/fs/nfsd/v4_end_grace; do
    echo Y >/proc/fs/nfsd/v4_end_grace || true
    sleep 0.2
done
rpc.mountd

hanging hang 8G
for number in 0 1 2; do truncate -s 8G /srv/lun$number; done
mkdir -p /run/target /etc/target /etc/rtslib-fb-target /var/target/pr \
    /var/target/alua
python3 /opt/box/guest/target.py
