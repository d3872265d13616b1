# SPDX-License-Identifier: GPL-2.0-or-later
"""
A machine that packages are installed on: a root directory of its own, whose
/usr is that of this machine, seen through an overlay that takes all changes.
It has the users and directories that VDSM, libvirt and Ansible bring, and none
of them. All of it is gone with its mount namespace.
"""

import os
import re
import subprocess

from tests.support.closing import Closing
from tests.support.processes.namespace import Namespace

ROOT = "/run/machine/root"
_UPPER = "/run/machine/usr"

_SETUP = f"""
mkdir -p {ROOT} {_UPPER} /run/machine/work
cd {ROOT}
mkdir etc usr var var/lib run tmp dev proc root
chmod 1777 tmp
mount -t overlay overlay usr -o \
    lowerdir=/usr,upperdir={_UPPER},workdir=/run/machine/work
for name in bin sbin lib lib32 lib64; do
    if [ -L /$name ]; then
        ln -s "$(readlink /$name)" $name
    elif [ -d /$name ]; then
        mkdir $name
        mount --rbind /$name $name
    fi
done
mount --rbind /dev dev
mount --rbind /proc proc
cp /etc/ld.so.cache etc
echo root:x:0:0::/root:/bin/sh >etc/passwd
echo vdsm:x:36:36::/var/lib/vdsm:/bin/sh >>etc/passwd
echo root:x:0: >etc/group
echo kvm:x:36: >>etc/group
mkdir -p etc/lvm etc/libvirt/hooks usr/libexec/vdsm/hooks
for point in before_vm_start before_vm_dehibernate before_disk_hotplug \
        before_vm_migrate_destination; do
    mkdir usr/libexec/vdsm/hooks/$point
done
mkdir -p usr/lib/python3.9/site-packages usr/lib/python3.12/site-packages
mkdir -p var/lib/rpm var/tmp usr/share/licenses
mkdir -p usr/share/ansible/roles usr/share/ansible/plugins/modules
"""

# What rpm says of files that a scriptlet has taken away before it, and of a
# configuration that was changed.
_USUAL = re.compile(
    "warning: file (99_vdsm_backup|50-vdsm-backup.conf): remove failed:"
    " No such file|warning: /etc/\\S+ (saved|created) as "
)

# What our commands would get from the shell of a developer.
_ENVIRONMENT = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]


class Machine(Closing):
    def __init__(self):
        self._ns = Namespace()
        try:
            self._ns.run("sh", "-euc", _SETUP)
        except BaseException:
            self.close()
            raise

    def close(self):
        self._ns.close()

    def rpm(self, *args, before=()):
        """What it has printed. before: a command that runs rpm."""
        command = [*before, "rpm", "--root", ROOT, "--dbpath", "/var/lib/rpm"]
        # Nothing else that is installed is in this database.
        needed = [] if args[0].startswith("-q") else ["--nodeps"]
        command += ["--force-debian", *needed, *args]
        done = subprocess.run(
            [*self._ns.enter(), *command], capture_output=True, text=True
        )
        assert done.returncode == 0, done
        said = [x for x in done.stderr.splitlines() if not _USUAL.match(x)]
        assert said == [], done
        return done.stdout

    def run(self, *command, user=None, **options):
        """A command in it, as root or as (uid, gid): a CompletedProcess."""
        settings = {"capture_output": True, "text": True, **options}
        return subprocess.run(self._inside(command, user), **settings)

    def start(self, *command, **options):
        """The same in the background: a Popen of the command itself."""
        return subprocess.Popen(self._inside(command), **options)

    def _inside(self, command, user=None):
        inside = ["chroot"]
        if user:
            inside += [f"--userspec={user[0]}:{user[1]}", "--groups="]
        return [*self._ns.enter(), *inside, ROOT, *_ENVIRONMENT, *command]

    def sh(self, script, **options):
        """What a shell in it prints."""
        done = self.run("sh", "-euc", script, **options)
        assert done.returncode == 0, done
        return done.stdout

    def put(self, path, text):
        self.sh(f"mkdir -p $(dirname {path}); cat >{path}", input=text)

    def bind(self, path, target=None):
        """A directory of this machine, by its own path or another one."""
        target = ROOT + (target or path)
        self._ns.run("mkdir", "-p", target)
        self._ns.run("mount", "--rbind", path, target)

    def copy(self, source, target):
        """A file or directory of this machine."""
        self._ns.run("mkdir", "-p", ROOT + target)
        self._ns.run("cp", "-a", source, ROOT + target)

    def files(self):
        """
        {path: (type, mode, owner, group)} of all that is not this machine's,
        but for the database of packages.
        """
        found = {}
        form = ["-printf", "%p\\t%y\\t%m\\t%U\\t%G\\n"]
        skipped = ["-path", f"{ROOT}/var/lib/rpm/*", "-o"]
        for top, name in ((ROOT, ""), (_UPPER, "/usr")):
            done = subprocess.run(
                [*self._ns.enter(), "find", top, "-xdev"]
                + [*skipped, "-mindepth", "1", *form],
                capture_output=True,
                text=True,
                check=True,
            )
            for line in done.stdout.splitlines():
                path, *facts = line.split("\t")
                path = name + path[len(top) :]
                # A directory of this machine in which something changed.
                if not (name and facts[0] == "d" and os.path.isdir(path)):
                    found[path] = tuple(facts)
        return found
