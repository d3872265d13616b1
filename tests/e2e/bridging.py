# SPDX-License-Identifier: GPL-2.0-or-later
"""
The bridge, in the machine `storage`: with the stand-in of an engine beside it,
and hosts that it reaches by ssh. All is set up as docs/bridge.md says; where
that is systemd's, as the unit says.
"""

import json
import signal

from tests.e2e.box.box import together
from tests.e2e.box.vm import program
from tests.support.bridge.engine import PASSWORD
from tests.support.bridge.engine_api import USER
from tests.support.closing import Closing

# Of the bridge, as authorized_keys has it.
NAME = "engine1"

OWNER = "vdsm-backup-bridge"
_STATE = "/var/lib/vdsm-backup/bridge"
_RUN = "/run/vdsm-backup-bridge"
_CREDENTIALS = "/run/credentials/vdsm-backup-domain-bridge.service"
_ENGINE = "/run/engine"

# The SDK where a package of it is; and what the unit has systemd make.
_INSTALL = f"""
set -ex
cd /opt/box/product
rpm --force-debian --nodeps -i vdsm-backup-domain-{{0,engine}}*.rpm
cp -r /opt/box/sdk/. /usr/lib/python3/dist-packages
systemd-sysusers vdsm-backup-bridge.conf
install -d -o {OWNER} -m 700 {_STATE}
mkdir {_ENGINE}
cd /etc/vdsm-backup/bridge
ssh-keygen -q -t ed25519 -N '' -f identity
(umask 077; cat >password)
install -d -o {OWNER} -m 500 {_CREDENTIALS}
install -o {OWNER} -m 400 identity password {_CREDENTIALS}
"""

# Each round finds what a person does on a host. The time between two is that
# of a list of all domains.
_CONFIGURATION = """\
[engine]
url = {url}
ca_file = {directory}/ca.pem
user = {user}
[bridge]
poll = 1
compare = 10
"""

# The agent of bridges comes with VDSM's plugin. The keys of the image are the
# same for all.
_LET_IN = f"""
set -ex
rpm --force-debian --nodeps -i /opt/box/product/vdsm-backup-domain-vdsm*.rpm
rm -f /etc/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
mkdir -p /run/sshd /root/.ssh
printf 'restrict,command="/usr/libexec/vdsm-backup/bridge-agent --name {NAME}"\
 %s\\n' "$(cat)" >/root/.ssh/authorized_keys
/usr/sbin/sshd -E /run/sshd.log -o LogLevel=VERBOSE
"""

# As VDSM tells it to the engine (vdsm/common/hooks.py).
_HOOKS = """
cd /usr/libexec/vdsm/hooks
for script in */*; do
    echo "$script $(sha256sum <"$script" | cut -d ' ' -f 1)"
done
"""

# What a bridge has started there. The brackets keep a search from finding
# itself.
_CHANGES = "pgrep -f '[v]dsm-backup-domain --json set {sd_id}'"


class Bridge(Closing):
    """
    storage, hosts: of the box. domains: {name in the engine: Domain}, all of
    which are in the data center of the hosts. The first host is the SPM.
    """

    def __init__(self, storage, hosts, domains):
        self._storage = storage
        self._hosts = hosts
        self._domains = domains
        self._job = self._engine = None
        storage.run(_INSTALL, input=PASSWORD)
        public = storage.run("cat /etc/vdsm-backup/bridge/identity.pub").out
        known = together(lambda host: _let_in(host, public), hosts)
        self._begin_engine(known)
        self.start()

    def close(self):
        for job in (self._job, self._engine):
            if job:
                job.kill()
        self._storage.run(f"pkill -KILL -u {OWNER}", check=False)
        for host in self._hosts:
            host.run("pkill -x sshd", check=False)

    def _begin_engine(self, hosts):
        ids = [{"name": n, "id": d.sd_id} for n, d in self._domains.items()]
        things = {"hosts": hosts, "domains": ids}
        serve = program("tests.e2e.inside.engine", "serve", _ENGINE)
        self._engine = self._storage.start(serve, input=json.dumps(things))
        url = self._engine.expect("/api\n").strip()
        text = _CONFIGURATION.format(url=url, directory=_ENGINE, user=USER)
        self._storage.run("cat >/etc/vdsm-backup/bridge.conf", input=text)

    # The bridge

    def start(self):
        made = f"install -d -o {OWNER} -m 700 {_RUN}"
        self._storage.run(f"rm -rf {_RUN}; {made}")
        env = [f"CREDENTIALS_DIRECTORY={_CREDENTIALS}"]
        env += [f"RUNTIME_DIRECTORY={_RUN}"]
        command = ["env", *env, "/usr/bin/vdsm-backup-domain-bridge"]
        self._job = self._storage.start(command, user=OWNER)

    def kill(self):
        """With all that it has started, as systemd does it."""
        self._storage.run(f"pkill -KILL -u {OWNER}")
        return self._job.wait()

    def stop(self):
        """Done of it, as systemd stops it."""
        self._job.kill(signal.SIGTERM)
        return self._job.wait()

    def status(self):
        """Done of what an administrator types."""
        return self._storage.run("vdsm-backup-domain-bridge status --json")

    def wait(self, **domains):
        """Until its status has these fields of these domains: the status."""
        wanted = json.dumps(domains)
        says = ("tests.e2e.inside.bridge_says", f"{_STATE}/status.json")
        self._storage.run(program(*says, wanted))
        found = self.status().json
        return {d["name"]: d for d in found.pop("domains")}, found

    # What happens

    def do(self, *acts):
        """Acts of inside/engine.py: how it is then."""
        command = program("tests.e2e.inside.engine", "do", _ENGINE)
        return self._storage.run(command, input=json.dumps(acts) + "\n").json

    def edit(self, name, user, **fields):
        return self.do(("edit", name, user, fields))

    def move_spm(self, host):
        return self.do(("spm", host.name))

    def changes_on(self, host, name):
        """Returns when a host is about to change that domain for it."""
        found = _CHANGES.format(sd_id=self._domains[name].sd_id)
        host.run(f"until {found}; do sleep 0.5; done")

    def changed_on(self, host, name):
        """Returns when such a change has ended."""
        found = _CHANGES.format(sd_id=self._domains[name].sd_id)
        host.run(f"while {found}; do sleep 0.5; done")


def ssh_counts(host):
    """How often a bridge has logged in there, and how often called it."""
    said = host.run("cat /run/sshd.log").out
    begun = "Accepted publickey for root", "Starting session: forced-command"
    return tuple(said.count(text) for text in begun)


def _let_in(host, public):
    """The host, as the engine knows it."""
    host.run(_LET_IN, input=public)
    key = host.run("cat /etc/ssh/ssh_host_ed25519_key.pub").out
    hooks = {}
    for line in host.run(_HOOKS).out.splitlines():
        script, checksum = line.split()
        event, name = script.split("/")
        hooks.setdefault(event, {})[name] = checksum
    return {
        "name": host.name,
        "address": f"10.77.{host.number}.2",
        "public_key": " ".join(key.split()[:2]),
        "hooks": hooks,
    }
