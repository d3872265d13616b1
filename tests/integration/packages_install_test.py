# SPDX-License-Identifier: GPL-2.0-or-later
"""
The packages installed, upgraded, downgraded and erased, and what is installed
run: in a root directory of its own, with the Python of this machine.
"""

import json
import os
import re

import pytest

from tests.support.hooks import vmxml
from tests.support.hooks.needs import VDSM
from tests.support.packages import building, reading, removing
from tests.support.packages.machine import ROOT as MACHINE_ROOT
from tests.support.processes.namespace import needs_namespace
from tests.support.storage import filedomain
from vdsm_backup.doctor import hook_scripts, sums

pytest_plugins = ["tests.support.packages.packagefixtures"]
pytestmark = [
    needs_namespace,
    pytest.mark.slow("rpmbuild compiles all modules, for two versions"),
]

CONF = "/etc/vdsm-backup/vdsm-backup.conf"
SITE = "/etc/vdsm-backup/conf.d/site.conf"
COPY = "/var/lib/vdsm-backup/history/copy.json"
LIBRARY = "/usr/lib/python3/dist-packages/vdsm_backup"
NAMES = [f"vdsm-backup-domain{part}" for part in building.PARTS]
DROP_IN = "/usr/lib/systemd/system/vdsmd.service.d/50-vdsm-backup.conf"
TMPFILES = "/usr/lib/tmpfiles.d/vdsm-backup.conf"
MINE = "# of this site\n[guard]\nmode = permissive\n"


@pytest.fixture
def packages(source_tree):
    return source_tree.build("debian")


@pytest.fixture
def newer(next_source_tree):
    return next_source_tree.build("debian")


@pytest.fixture
def machine(scratch_machine):
    return scratch_machine


def hooks():
    for point in hook_scripts.POINTS:
        yield point, f"{hook_scripts.VDSM_HOOKS}/{point}/{hook_scripts.HOOK}"
    yield hook_scripts.LIBVIRT_POINT, hook_scripts.PLACES.of_libvirt


def read(machine, path):
    return machine.sh(f"cat {path}")


def use(machine):
    """What a site and its changes of flags leave."""
    machine.put(CONF, MINE)
    machine.put(SITE, MINE)
    machine.put(COPY, "{}")


def test_nothing_is_left_of_what_nobody_used(machine, packages):
    before = machine.files()
    machine.rpm("-i", *packages)
    assert len(machine.files()) > len(before) + 200
    machine.rpm("-e", *NAMES)
    assert machine.files() == before


def test_configuration_and_history_are_left(machine, packages):
    before = machine.files()
    machine.rpm("-i", *packages)
    use(machine)
    machine.rpm("-e", *NAMES)
    left = set(machine.files()) - set(before)
    assert left == {
        os.path.dirname(CONF),
        CONF + ".rpmsave",
        os.path.dirname(SITE),
        SITE,
        "/var/lib/vdsm-backup",
        os.path.dirname(COPY),
        COPY,
    }
    for path, text in ((CONF + ".rpmsave", MINE), (SITE, MINE), (COPY, "{}")):
        assert read(machine, path) == text


TIMER = "vdsm-backup-domain-metrics.timer"


def test_the_timer_is_enabled_by_the_site(machine, packages, newer):
    """It stays so at an upgrade, and nothing of that is left at the end."""
    before = machine.files()
    machine.rpm("-i", *packages)

    def links():
        return [x for x in machine.files() if x.endswith(f"wants/{TIMER}")]

    assert links() == []
    machine.sh(f"systemctl enable {TIMER}")
    (link,) = links()
    assert link.startswith("/etc/systemd/system/timers.target.wants/")
    machine.rpm("-U", *newer)
    assert links() == [link]
    machine.rpm("-e", *NAMES)
    left = set(machine.files()) - set(before)
    assert not [x for x in left if "vdsm" in x]


def test_the_units_are_right_where_they_are(machine, packages):
    """What systemd says of them; its exit code does not tell."""
    machine.rpm("-i", *packages)
    # It has man look for the page that the units name.
    machine.put("/etc/manpath.config", "MANDATORY_MANPATH /usr/share/man\n")
    for unit in (TIMER, TIMER.replace(".timer", ".service")):
        done = machine.run("systemd-analyze", "verify", unit)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_owners_and_modes(machine, packages):
    """By the user and group of this root, which packages know by name."""
    machine.rpm("-i", *packages)
    found = machine.files()
    assert found[os.path.dirname(COPY)] == ("d", "700", "36", "36")
    for path, (kind, mode, *owner) in found.items():
        if path != os.path.dirname(COPY) and kind != "l":
            assert owner == ["0", "0"], path
            assert path == "/tmp" or not int(mode, 8) & 0o022, path
    assert machine.rpm("-V", *NAMES) == ""


def test_upgrade_and_downgrade(machine, packages, newer):
    machine.rpm("-i", *packages)
    use(machine)
    machine.rpm("-U", *newer)
    found = machine.files()
    assert f"{LIBRARY}/new.py" in found
    assert_used(machine)
    assert "io_timeout = 9\n" in read(machine, CONF + ".rpmnew")
    found = machine.rpm("-q", *NAMES)
    assert found.count(".debian.noarch\n") == len(NAMES)

    machine.rpm("-U", "--oldpackage", *packages)
    found = machine.files()
    assert not [path for path in found if path.startswith(f"{LIBRARY}/new")]
    assert f"{LIBRARY}/__pycache__" in found
    assert not [path for path in found if "/new." in path]
    assert_used(machine)


def assert_used(machine):
    """What is the site's is as it was, and all of ours is in place."""
    for path, text in ((CONF, MINE), (SITE, MINE), (COPY, "{}")):
        assert read(machine, path) == text
    assert "ExecStart=" in read(machine, DROP_IN)
    for point, path in hooks():
        assert sums.is_ours(point, read(machine, path).encode())


def test_an_unchanged_configuration_is_replaced(machine, packages, newer):
    machine.rpm("-i", *packages)
    machine.rpm("-U", *newer)
    assert "io_timeout = 9\n" in read(machine, CONF)
    assert CONF + ".rpmnew" not in machine.files()


def removed(machine, tmp_path, *args):
    """The files that rpm and its scriptlets remove, in their order."""
    log = tmp_path / "strace"
    machine.rpm(*args, before=removing.command(str(log)))
    # Scriptlets run in the root of the machine, rpm outside.
    return [
        re.sub(f"^{MACHINE_ROOT}/", "/", path)
        for path in removing.paths(log.read_text())
    ]


def test_hooks_and_drop_in_go_before_the_library(machine, packages, tmp_path):
    """
    A hook without its library refuses each VM, and VDSM does not start by a
    drop-in without its launcher.
    """
    machine.rpm("-i", *packages)
    order = removed(machine, tmp_path, "-e", *NAMES)
    library = [i for i, x in enumerate(order) if f"{LIBRARY}/" in x]
    assert len(library) > 200
    for _, path in hooks():
        assert order.index(path) < library[0], path
    launcher = order.index("/usr/libexec/vdsm-backup/vdsmd")
    assert order.index(DROP_IN) < min(launcher, library[0])


@pytest.mark.parametrize("number", [1, 2], ids=NAMES[1:3])
def test_scriptlets_alone_take_them_away(machine, packages, number):
    """rpm removes the files of packages in an order of its own."""
    machine.rpm("-i", *packages)
    taken = [x for _, x in hooks()] if number == 1 else [DROP_IN]
    script = reading.scriptlets(packages[number])["PREUN"]
    machine.sh(f"set -- 1\n{script}")
    assert set(taken) <= set(machine.files())
    machine.sh(f"set -- 0\n{script}")
    assert not set(taken) & set(machine.files())


# What the product needs of a hypervisor for a file domain.
REPO = "/rhev/data-center/mnt/nfs:_backups"


@pytest.fixture
def domain(machine, packages, run_dir):
    """A flagged domain on the machine, with all packages there."""
    machine.rpm("-i", *packages)
    sd_id = filedomain.make(run_dir, BACKUP="True")
    machine.copy(os.path.join(run_dir, sd_id), REPO)
    machine.sh(f"chown -R 36:36 {REPO}; chmod 755 {REPO}")
    # What an image or a restore does to files.
    machine.sh(f"find {LIBRARY} -name '*.py' | xargs touch -d 2001-01-01")
    return sd_id


def ask(machine, path, sd_id, user=None):
    """Run an installed hook as its caller does, and see what it opens."""
    image = f"{REPO}/{sd_id}/images/{vmxml.IMAGE}/{vmxml.VOLUME}"
    xml = vmxml.vm(vmxml.disk(image)).decode()
    machine.put("/tmp/domxml", xml)
    machine.sh("chmod 644 /tmp/domxml; rm -f /tmp/trace")
    args = []
    if "/libvirt/" in path:
        args = ["web1", "prepare", "begin", "-"]
    strace = ["strace", "-f", "-qq", "-s", "300", "-o", "/tmp/trace"]
    strace += ["-e", "trace=open,openat", "-e", "status=successful"]
    env = ["env", "_hook_domxml=/tmp/domxml", f"vmId={vmxml.VM}"]
    return machine.run(*strace, *env, path, *args, input=xml, user=user)


@pytest.mark.parametrize("number", range(5), ids=[p for p, _ in hooks()])
def test_an_installed_hook_refuses(machine, domain, number):
    """Of our modules it reads what is compiled, and writes nothing."""
    point, path = list(hooks())[number]
    user = None if point == hook_scripts.LIBVIRT_POINT else VDSM
    before = machine.files()
    done = ask(machine, path, domain, user)
    assert done.returncode == 2, done
    assert "(error 994)" in done.stderr
    opened = re.findall(r'"([^"]*/vdsm_backup/[^"]*)"', read_trace(machine))
    modules = [x for x in opened if x.endswith((".py", ".pyc"))]
    assert len(modules) > 30
    assert {os.path.splitext(x)[1] for x in modules} == {".pyc"}
    assert new(machine, before) == set()


def read_trace(machine):
    return read(machine, "/tmp/trace")


def new(machine, before):
    ours = {"/tmp/domxml", "/tmp/trace"}
    return set(machine.files()) - set(before) - ours


def test_the_command_runs_and_leaves_nothing(machine, domain):
    """As root, who could write what Python compiles."""
    before = machine.files()
    done = machine.run("vdsm-backup-domain", "show", domain, "--json")
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["domain"]["flag"] is True
    machine.run("vdsm-backup-domain", "doctor")
    assert new(machine, before) <= {"/run/vdsm-backup"}
    machine.rpm("-e", *NAMES)
    assert not [x for x in machine.files() if "vdsm_backup" in x]


def test_tmpfiles(machine, packages):
    machine.rpm("-i", *packages)
    machine.sh(
        f"rm -r /var/lib/vdsm-backup; systemd-tmpfiles --create {TMPFILES}"
    )
    found = machine.files()
    assert found["/run/vdsm-backup"] == ("d", "755", "36", "36")
    assert found["/var/lib/vdsm-backup"] == ("d", "755", "0", "0")
    assert found["/var/lib/vdsm-backup/history"] == ("d", "700", "36", "36")


STUB = """[Unit]
Description=a stub
[Service]
Type=simple
ExecStart=/usr/libexec/vdsm/daemonAdapter "/usr/libexec/vdsm/vdsmd"
"""


def test_the_drop_in_beside_vdsms_unit(machine, packages):
    """What systemd says of it; its exit code does not tell."""
    machine.rpm("-i", *packages)
    machine.put("/usr/lib/systemd/system/vdsmd.service", STUB)
    machine.put("/usr/libexec/vdsm/daemonAdapter", "#!/bin/sh\n")
    machine.sh("chmod 755 /usr/libexec/vdsm/daemonAdapter")
    verify = ["systemd-analyze", "verify", "vdsmd.service"]
    done = machine.run(*verify)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # It reads the drop-in: a key that is none is seen.
    machine.sh(f"echo Foo=1 >>{DROP_IN}")
    assert "50-vdsm-backup.conf:" in machine.run(*verify).stderr
