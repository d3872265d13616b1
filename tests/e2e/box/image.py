# SPDX-License-Identifier: GPL-2.0-or-later
"""
The system that all VMs of the box boot: Debian's packages, from wherever this
machine's apt has them, in an ext4 image beside its kernel and an initrd.

Built once, kept in a cache outside of the tree, and built again when what it
is made from has changed. The product is not in it: see payload.py.
"""

import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
GUEST = os.path.join(HERE, "guest")

PACKAGES = """
    linux-image-cloud-amd64 busybox-static
    iproute2 kmod mount procps psmisc strace sudo systemd udev util-linux
    lvm2 multipath-tools open-iscsi python3-rtslib-fb sg3-utils
    nfs-common nfs-kernel-server rpcbind e2fsprogs
    openssh-client openssh-server openssl
    python3 python3-libvirt python3-pycurl python3-sanlock sanlock
    qemu-system-x86 qemu-utils rpm
""".split()

# Never looked at in the box.
EXCLUDED = ("doc", "locale", "man", "info")

# What the kernel needs to find its root, in this order.
MODULES = (
    "virtio/virtio_ring virtio/virtio virtio/virtio_pci_modern_dev"
    " virtio/virtio_pci_legacy_dev virtio/virtio_pci block/virtio_blk"
).split()

# Of the file system; sparse, so what is not used takes no place.
SIZE = "6G"

# VDSM's own, as its packages make them.
UID = GID = 36

NEEDED = (
    *("qemu-system-x86_64", "mmdebstrap", "mke2fs", "unshare", "setpriv"),
    *("git", "rpmbuild"),
)


@dataclass(frozen=True)
class Image:
    """Paths of its files."""

    root: str
    kernel: str
    initrd: str


def missing():
    """Why there can be no image here, or ""."""
    if os.geteuid() != 0:
        return "the box needs root, to make its root file system"
    for name in NEEDED:
        if not shutil.which(name):
            return f"the box needs {name}"
    if not shutil.which("apt-get"):
        return "the box is made of Debian's packages, by apt"
    if os.uname().machine != "x86_64":
        return "the box is made for x86_64"
    return ""


def cache():
    """Where images and logs are kept: of the user, outside of the tree."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(home, "vdsm-backup-e2e")


def get(say):
    """The image, which is built if it is not there; say is told."""
    os.makedirs(cache(), exist_ok=True)
    sources = _sources()
    path = os.path.join(cache(), f"image-{_digest(sources)}")
    # One builds, others wait for it.
    with open(os.path.join(cache(), "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(path):
            # Of other inputs, and what a killed build left.
            for old in glob.glob(os.path.join(cache(), "image-*")):
                shutil.rmtree(old)
            say("building the image of the box, a few minutes ...")
            _build(path, sources)
    return Image(
        *(os.path.join(path, n) for n in ("root", "kernel", "initrd"))
    )


def _digest(sources):
    digest = hashlib.sha256()
    for text in (sources, _read(__file__), _read(_guest("init"))):
        digest.update(text.encode() + b"\0")
    digest.update(_read(_guest("initrd-init")).encode())
    return digest.hexdigest()[:16]


def _guest(name):
    return os.path.join(GUEST, name)


def _read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def _sources():
    """Debian's own among what apt is configured with here: sources.list(5)."""
    entry = "deb $(REPO_URI) $(CODENAME) $(COMPONENT)"
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", entry]
        + ["Created-By: Packages", "Origin: Debian", "Component: main"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return "\n".join(sorted(set(done.stdout.splitlines()))) + "\n"


def _build(path, sources):
    with tempfile.TemporaryDirectory(
        prefix="image-part-", dir=cache()
    ) as part:
        root = os.path.join(part, "tree")
        listed = os.path.join(part, "sources.list")
        with open(listed, "w") as f:
            f.write(sources)
        made = os.path.join(part, "made")
        os.mkdir(made)
        with open(os.path.join(cache(), "build.log"), "w") as log:
            _install_packages(root, listed, log)
            _configure(root, log)
            _make_boot_files(root, made, log)
            _logged(
                ["mke2fs", "-q", "-t", "ext4", "-d", root]
                + [os.path.join(made, "root"), SIZE],
                log,
            )
        os.rename(made, path)


def _install_packages(root, listed, log):
    excluded = [
        f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in EXCLUDED
    ]
    # Its mounts and processes end with it.
    alone = "unshare --mount --pid --fork --kill-child --mount-proc".split()
    _logged(
        [*alone, "mmdebstrap", "--mode=root", "--variant=minbase"]
        + ["--include=" + ",".join(PACKAGES), *excluded, "", root, listed],
        log,
    )


def _configure(root, log):
    for name, target in (("init", "sbin/box-init"),):
        shutil.copy(_guest(name), os.path.join(root, target))
        os.chmod(os.path.join(root, target), 0o755)
    # udev's package has the group, with some number.
    for command in (
        f"groupmod -g {GID} kvm",
        f"useradd -u {UID} -g {GID} -G sanlock -d /var/lib/vdsm"
        " -s /sbin/nologin vdsm",
        "usermod -a -G kvm,disk sanlock",
    ):
        _logged(["chroot", root, *command.split()], log)


def _make_boot_files(root, made, log):
    (kernel,) = glob.glob(os.path.join(root, "boot", "vmlinuz-*"))
    version = os.path.basename(kernel).partition("-")[2]
    shutil.copy(kernel, os.path.join(made, "kernel"))
    shutil.rmtree(os.path.join(root, "boot"))
    tree = os.path.join(root, "initrd")
    for name in ("bin", "dev", "modules", "new", "proc", "sys"):
        os.makedirs(os.path.join(tree, name))
    shutil.copy(os.path.join(root, "bin/busybox"), os.path.join(tree, "bin"))
    shutil.copy(_guest("initrd-init"), os.path.join(tree, "init"))
    os.chmod(os.path.join(tree, "init"), 0o755)
    drivers = os.path.join(root, "lib/modules", version, "kernel/drivers")
    for number, name in enumerate(MODULES):
        shutil.copy(
            os.path.join(drivers, f"{name}.ko"),
            os.path.join(tree, "modules", f"{number}.ko"),
        )
    # Debian's kernel comes with what makes initrds, cpio among it.
    script = "cd /initrd && find . | cpio -o -H newc --quiet | gzip -1"
    with open(os.path.join(made, "initrd"), "wb") as f:
        subprocess.run(
            ["chroot", root, "sh", "-c", script],
            check=True,
            stdout=f,
            stderr=log,
        )
    shutil.rmtree(tree)


def _logged(command, log):
    log.write(f"+ {' '.join(command)}\n")
    log.flush()
    done = subprocess.run(
        # It ends with us, also when we are killed.
        ["setpriv", "--pdeathsig", "KILL", "--", *command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed, see {log.name}")
