# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the tests of the role do to a host, in few runs and few plays: a run takes
a second of CPU time, each module that a play runs half a second, and dnf two.
So nothing is done twice that shows the same, and two Ansibles share the work:
the newest one checks, refuses, and configures; an old one, which an engine may
have, installs and removes.

Plays are known by their names here and in what Ansible prints.
"""

import os

import yaml

from tests.support.ansible.keys import KEYS, OF_THE_ENGINE
from tests.support.ansible.managed import (
    BASEURL,
    DROP_IN,
    REPO,
    REPO_FILE,
    play,
    rescued,
    role,
)
from tests.support.ansible.playbook import CONTRIB

POST_TASKS = "/etc/ovirt-engine/ansible/ovirt-host-deploy-post-tasks.yml"
# Of a site, and read after ours.
SITE_DROP_IN = "/etc/vdsm-backup/conf.d/60-site.conf"

FROM = {"baseurl": BASEURL, "gpgkey": "file:///srv/key"}
OPTIONS = {"options": {"storage": {"io_timeout": 20}}}
# Packages of the next version are here.
NEXT = "/srv/next"
LAYERED = {"mode": "permissive", "source": "installed"}

# Of bridges: one comes before the packages, and one with `main`.
EARLY, LATE = (
    {"name": name, "key": f"ssh-ed25519 {letter * 68}"}
    for name, letter in (("early", "A"), ("late", "B"))
)

# Variables on a host that has all packages, and what the failure names.
WRONG = [
    ({"mode": "enforced"}, "vdsm_backup_domain_mode must be one of"),
    ({}, "missing required arguments: vdsm_backup_domain_mode"),
    (
        {**LAYERED, "restart": True},
        "has no variable vdsm_backup_domain_restart; it has",
    ),
    (
        {**LAYERED, "options": {"guard": {"mode": "disabled"}}},
        "the mode is vdsm_backup_domain_mode, and not an option",
    ),
    ({**LAYERED, "options": {"guard": {"on_unread": "allow"}}}, "on_unread"),
]


def post_tasks(**variables):
    """The example, with other variables, as an engine includes it."""
    name = "ovirt-host-deploy-post-tasks.yml"
    with open(os.path.join(CONTRIB, "examples", name)) as f:
        (task,) = yaml.safe_load(f)
    for key, value in {**FROM, **variables}.items():
        task["vars"][f"vdsm_backup_domain_{key}"] = value
    return yaml.safe_dump([task])


def included(path):
    return {"ansible.builtin.include_tasks": path}


class Done:
    """
    A run, and what it has left. plays: {name: Play}. files: those of the host.
    written: {path: text} of those that the role writes. packages: of the host.
    called: what systemctl was called with. keys: lines of authorized_keys.
    """

    def __init__(self, host, ansible, plays, *options):
        """plays: {name: task}"""
        named = [{"name": name, **play(x)} for name, x in plays.items()]
        self.run = host.play(ansible, named, *options)
        assert len(self.run.plays) == len(plays), str(self.run)
        assert self.run.code == 0, str(self.run)
        self.plays = dict(zip(plays, self.run.plays))
        self.files = host.files()
        written = [x for x in (DROP_IN, REPO_FILE) if x in self.files]
        self.written = {path: host.read(path) for path in written}
        self.packages = host.rpm("-qa").split()
        self.called = host.systemctl()
        self.keys = host.read(KEYS).splitlines()

    def __getitem__(self, name):
        return self.plays[name]


class Rollout:
    """
    On a host without our packages. What is done in one run is a method, to be
    called once and in their order.

    newer: those of the next version, for hosts.
    """

    def __init__(self, host, newest, old, newer):
        self._host, self._newest, self._old = host, newest, old
        for path in newer:
            host.copy(path, NEXT)
        self.newer = [f"{NEXT}/{os.path.basename(x)}" for x in newer]
        files = host.sh(f"ls {REPO}/*.rpm").split()
        elsewhere = ("-ansible-", "-engine-")
        self._files = [
            path for path in files if not any(x in path for x in elsewhere)
        ]
        assert len(self._files) == 3
        host.put("/srv/required.yml", post_tasks())
        host.put(
            "/srv/optional.yml",
            post_tasks(source="installed", deploy_required=False),
        )
        good = self._given(gpgcheck=False, mode="permissive")
        # No VDSM is there that would answer.
        host.put(POST_TASKS, post_tasks(**good, restart_timeout=5))
        host.put(KEYS, OF_THE_ENGINE + "\n")
        host.provide(newest)
        self.before = host.files()

    def _given(self, **variables):
        return {"source": "files", "files": self._files, **variables}

    def check(self):
        plays = {
            "roll out": role(mode="permissive", **FROM),
            # The part of it that restarts, alone.
            "restart": role("restart", restart_vdsmd=True),
            "remove": role("remove", restart_vdsmd=True),
        }
        return Done(self._host, self._newest, plays, "--check", "--diff")

    def refuse(self):
        """Where no package of ours is."""
        some = self._given(files=self._files[1:])
        plays = {
            "required": rescued(included("/srv/required.yml")),
            "optional": included("/srv/optional.yml"),
            "incomplete": rescued(role(mode="permissive", **some)),
            "unsigned": rescued(role(mode="permissive", **self._given())),
            "no agent": rescued(role("bridges", bridges=[EARLY])),
        }
        return Done(self._host, self._newest, plays)

    def deploy(self):
        """From files, beside a repository that cannot be used."""
        plays = {"deploy": included(POST_TASKS), "again": included(POST_TASKS)}
        return Done(self._host, self._old, plays)

    def change(self):
        """From permissive to enforcing, and what is wrong then."""
        self._host.put(SITE_DROP_IN, "[guard]\nmode = enforcing\n")
        asked = {"require_protected": True, "restart_vdsmd": True}
        asked["bridges"] = [LATE]
        plays = {
            "enforcing": rescued(
                role(mode="enforcing", **FROM, **OPTIONS, **asked)
            )
        }
        for number, (variables, _) in enumerate(WRONG):
            plays[f"wrong {number}"] = rescued(role(**variables))
        plays["another file"] = rescued(role(**LAYERED))
        return Done(self._host, self._newest, plays, "--diff")

    def predict(self):
        """What is done next, on a host that has all."""
        plays = {
            "upgrade": role(**self._given(mode="enforcing", files=self.newer)),
            "remove": role("remove", restart_vdsmd=True),
        }
        return Done(self._host, self._newest, plays, "--check")

    def remove(self):
        plays = {"remove": role("remove", restart_vdsmd=True)}
        return Done(self._host, self._old, plays)

    def serve(self):
        """From the repository, though no site has signed it."""
        plays = {"install": self._unsigned(**FROM)}
        return Done(self._host, self._old, plays)

    def upgrade(self):
        """From files, since those of the repository do not count then."""
        newer = {"source": "files", "files": self.newer}
        plays = {
            "upgrade": self._unsigned(**newer, restart_vdsmd=True),
            "repository": self._unsigned(**FROM, restart_vdsmd=True),
        }
        return Done(self._host, self._newest, plays)

    def downgrade(self):
        plays = {"downgrade": self._unsigned(**self._given())}
        plays["again"] = plays["downgrade"]
        return Done(self._host, self._old, plays)

    @staticmethod
    def _unsigned(**variables):
        # As the site's own file says. No VDSM is there that would answer.
        given = {"mode": "enforcing", "gpgcheck": False, "restart_timeout": 5}
        return role(**{**given, **variables})
