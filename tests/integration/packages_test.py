# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in the packages of this working tree."""

import gzip
import os
import pwd
import re
import shutil
import struct
import subprocess

import pytest

from tests import ROOT
from tests.support.night import as_user
from tests.support.packages import building, reading
from vdsm_backup.doctor import hook_scripts

pytest_plugins = ["tests.support.packages.packagefixtures"]
pytestmark = pytest.mark.slow("rpmbuild compiles all modules, for each Python")

# {release: (directory of modules, version, magic number of its .pyc)}
# importlib.util.MAGIC_NUMBER; all 3.9.x have one.
EL9 = ("/usr/lib/python3.9/site-packages", "3.9", 3425)
EL10 = ("/usr/lib/python3.12/site-packages", "3.12", 3531)
RELEASES = {"el9": EL9, "el10": EL10}


@pytest.fixture(scope="module", params=RELEASES)
def release(request):
    return request.param


@pytest.fixture(scope="module")
def packages(source_tree, release):
    return source_tree.build(release)


# Python's .pyc are the same whatever the seed of hashes from 3.11 on. One of
# another version may be closed to other users.
@pytest.mark.parametrize("dist, by_other", [("debian", True), ("el9", False)])
def test_the_same_bytes_elsewhere(source_tree, run_dir, dist, by_other):
    """By somebody else, in a tree that was checked out by another umask."""
    made = [*source_tree.build(dist), source_tree.source_package(dist)]
    top = os.path.join(run_dir, "this-too")
    ignored = shutil.ignore_patterns("debian", *RELEASES, "repo")
    shutil.copytree(source_tree.directory, top, ignore=ignored)
    subprocess.run(["chmod", "-R", "go=", top], check=True)
    as_other = {}
    if by_other and os.geteuid() == 0:
        # One that has a name, which a package could have.
        nobody = pwd.getpwnam("nobody").pw_uid
        subprocess.run(["chown", "-R", str(nobody), top], check=True)
        as_other = as_user(nobody)
    script = os.path.join(top, building.SCRIPT)
    subprocess.run([script, dist], check=True, capture_output=True, **as_other)
    for path in made:
        other = os.path.join(top, "dist", dist, os.path.basename(path))
        with open(path, "rb") as f, open(other, "rb") as g:
            assert f.read() == g.read(), path


def test_no_macro_is_left(packages):
    """
    rpmbuild takes an unknown macro for text, and a scriptlet with it fails:
    then the package cannot be removed.
    """
    for path in packages:
        for text in reading.scriptlets(path).values():
            assert "%" not in text
        assert "%" not in reading.rpm(path, "--provides", "--requires")
        assert not [x for x in reading.files(path) if "%" in x or "$" in x]


def test_scriptlets(packages):
    """Few, and none restarts what runs VMs."""
    base, hooks, vdsm, ansible, engine = map(reading.scriptlets, packages)
    assert base == ansible == {}
    assert set(hooks) == set(vdsm) == set(engine) == {"PREUN"}
    service = "vdsm-backup-domain-bridge.service"
    called = engine["PREUN"].replace("\\\n        ", "")
    assert re.findall(r"systemctl .*", called) == [
        f"systemctl --quiet --no-reload disable {service} || :",
        f"systemctl stop {service} || :",
    ]
    timer = "vdsm-backup-domain-metrics.timer"
    called = hooks["PREUN"].replace("\\\n        ", "")
    assert re.findall(r"systemctl .*", called) == [
        f"systemctl --quiet --no-reload disable {timer} || :",
        f"systemctl stop {timer} || :",
    ]
    called = re.findall(r"systemctl .*", vdsm["PREUN"])
    assert called == ["systemctl daemon-reload || :"]
    for text in (hooks["PREUN"], vdsm["PREUN"], engine["PREUN"]):
        # Not at an upgrade, and never in vain.
        assert text.startswith('if [ "$1" -eq 0 ]; then\n')
        assert (
            re.search(r"restart|reload-or|vdsmd\b(?!\.service\.d)", text)
            is None
        )
        subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_base_needs_python_only(packages, release):
    _, python, _ = RELEASES[release]
    base = reading.requires(packages[0])
    config = {x for x in base if x.startswith("config(")}
    assert base - config == {"/usr/bin/python3", f"python(abi) = {python}"}


def test_hooks_and_plugin_need_each_other_and_vdsm(
    packages, source_tree, release
):
    same = f"= {source_tree.version}-1.{release}"
    base, hooks, vdsm, *_ = packages
    ours = f"config(vdsm-backup-domain-hooks) {same}"
    assert reading.requires(hooks) == {
        ours,
        "/bin/sh",
        "/usr/bin/python3",
        f"vdsm-backup-domain {same}",
        "lvm2",
        "sanlock",
        "vdsm >= 4.50.0.2",
    }
    assert reading.requires(vdsm) == {
        "/bin/sh",
        "/usr/bin/python3",
        f"vdsm-backup-domain-hooks {same}",
        "vdsm >= 4.50.0.2",
    }


def test_ansible_needs_no_other_package_of_ours(packages):
    """It is for the machine that playbooks run on, which is no host."""
    assert reading.requires(packages[3]) == {"ansible-core >= 2.14"}


def test_bridge_needs_no_host(packages, source_tree, release):
    """Neither VDSM nor its user is beside an engine."""
    same = f"= {source_tree.version}-1.{release}"
    assert reading.requires(packages[4]) == {
        "/bin/sh",
        "/usr/bin/python3",
        f"config(vdsm-backup-domain-engine) {same}",
        f"vdsm-backup-domain {same}",
        "openssh-clients",
        "python3-ovirt-engine-sdk4",
    }


def test_nothing_conflicts(packages):
    """oVirt Node would drop all packages that are layered."""
    for path in packages:
        assert reading.lines(path, "--conflicts") == []
        assert reading.lines(path, "--obsoletes") == []


DIRECTORY = ("drwxr-xr-x", "root:root", "")
PROGRAM = ("-rwxr-xr-x", "root:root", "")
FILE = ("-rw-r--r--", "root:root", "")
UNITS = "/usr/lib/systemd/system"
MANUAL = ("-rw-r--r--", "root:root", "d")


def test_files_of_the_base(packages, release):
    found = reading.files(packages[0])
    library = RELEASES[release][0] + "/vdsm_backup"
    documents = {
        name
        for name in found
        if name.startswith(("/usr/share/doc/", "/usr/share/licenses/"))
    }
    modules = {
        name for name in found if (name + "/").startswith(library + "/")
    }
    there = "/usr/share/doc/vdsm-backup-domain/"
    assert {x[len(there) :] for x in documents if x.startswith(there)} == {
        *("README.md", "CHANGELOG.md", "docs", "prometheus", "collectd"),
        *("sudoers.d", "sudoers.d/vdsm-backup-admins"),
        "sudoers.d/vdsm-backup-bridge",
        *(f"docs/{x}" for x in os.listdir(os.path.join(ROOT, "docs"))),
        *("prometheus/vdsm-backup-alerts.yml", "collectd/vdsm-backup.conf"),
        "prometheus/vdsm-backup-alerts-test.yml",
    }
    for name in documents:
        assert found[name][:2] in (FILE[:2], DIRECTORY[:2]), name
    for name in modules:
        assert found[name] in (FILE, DIRECTORY), name
    rest = {n: found[n] for n in set(found) - documents - modules}
    assert rest == {
        "/usr/bin/vdsm-backup-domain": PROGRAM,
        "/usr/share/bash-completion": DIRECTORY,
        "/usr/share/bash-completion/completions": DIRECTORY,
        f"/usr/share/bash-completion/completions/{building.NAME}": FILE,
        "/usr/share/man/man5/vdsm-backup.conf.5.gz": MANUAL,
        "/usr/share/man/man8/vdsm-backup-domain.8.gz": MANUAL,
        "/etc/vdsm-backup": DIRECTORY,
        "/etc/vdsm-backup/conf.d": DIRECTORY,
        "/etc/vdsm-backup/vdsm-backup.conf": (*FILE[:2], "cn"),
        "/usr/lib/vdsm-backup": DIRECTORY,
        "/usr/lib/vdsm-backup/conf.d": DIRECTORY,
    }


def test_the_manual_is_compressed(packages):
    found = reading.contents(packages[0])
    pages = [x for x in found if x.startswith("/usr/share/man/")]
    assert len(pages) == 2
    for path in pages:
        name = os.path.basename(path)[: -len(".gz")]
        assert gzip.decompress(found[path]) == tree("contrib", "man", name)


def test_files_of_the_hooks(packages):
    expected = {
        f"{hook_scripts.VDSM_HOOKS}/{point}/{hook_scripts.HOOK}": PROGRAM
        for point in hook_scripts.POINTS
    }
    libvirt = hook_scripts.PLACES.of_libvirt
    history = ("drwx------", "vdsm:kvm", "")
    assert reading.files(packages[1]) == {
        **expected,
        # libvirt has no such directory of its own.
        os.path.dirname(libvirt): DIRECTORY,
        libvirt: PROGRAM,
        "/usr/lib/tmpfiles.d/vdsm-backup.conf": FILE,
        f"{UNITS}/vdsm-backup-domain-metrics.service": FILE,
        f"{UNITS}/vdsm-backup-domain-metrics.timer": FILE,
        "/etc/sos": DIRECTORY,
        "/etc/sos/extras.d": DIRECTORY,
        "/etc/sos/extras.d/vdsm-backup": (*FILE[:2], "cn"),
        "/var/lib/vdsm-backup": DIRECTORY,
        "/var/lib/vdsm-backup/history": history,
    }


def test_files_of_the_plugin(packages):
    """Nothing of it in /etc, which oVirt Node keeps when it drops /usr."""
    unit = f"{UNITS}/vdsmd.service.d"
    assert reading.files(packages[2]) == {
        "/usr/libexec/vdsm-backup": DIRECTORY,
        "/usr/libexec/vdsm-backup/bridge-agent": PROGRAM,
        "/usr/libexec/vdsm-backup/vdsmd": PROGRAM,
        unit: DIRECTORY,
        f"{unit}/50-vdsm-backup.conf": FILE,
    }


def test_files_of_the_bridge(packages):
    assert reading.files(packages[4]) == {
        "/usr/bin/vdsm-backup-domain-bridge": PROGRAM,
        "/usr/share/man/man8/vdsm-backup-domain-bridge.8.gz": MANUAL,
        "/etc/vdsm-backup/bridge.conf": (*FILE[:2], "cn"),
        "/etc/vdsm-backup/bridge": ("drwx------", "root:root", ""),
        "/usr/lib/sysusers.d/vdsm-backup-bridge.conf": FILE,
        f"{UNITS}/vdsm-backup-domain-bridge.service": FILE,
    }


def test_files_of_ansible(packages):
    """The role and the module as they are in the tree, and the examples."""
    found = reading.files(packages[3])
    assert {x[:2] for x in found.values()} == {FILE[:2], DIRECTORY[:2]}
    contents = reading.contents(packages[3])
    served = "/usr/share/ansible/"
    installed = {x for x in contents if x.startswith(served)}
    assert f"{served}plugins/modules/vdsm_backup_domain.py" in installed
    for (
        part
    ) in "argument_specs.yml main.yml host_deploy.yml README.md".split():
        assert [x for x in installed if x.endswith(f"/{part}")], part
    for path in installed:
        inside = os.path.relpath(path, served)
        assert contents[path] == tree("contrib", "ansible", inside), path
    examples = {x for x in contents if "/examples/" in x}
    assert {os.path.basename(x) for x in examples} == set(
        os.listdir(os.path.join(ROOT, "contrib", "ansible", "examples"))
    )
    # All other directories are those of ansible-core.
    directories = {x for x in found if found[x][0] == DIRECTORY[0]}
    assert {x for x in directories if x.startswith(served)} == {
        x
        for x in directories
        if x.startswith(f"{served}roles/vdsm_backup_domain")
    }


def test_scripts_are_as_they_are_in_the_tree(packages):
    """doctor knows them by their checksums."""
    hooks, vdsm = map(reading.contents, packages[1:3])
    for point in (*hook_scripts.POINTS, hook_scripts.LIBVIRT_POINT):
        (path,) = [x for x in hooks if f"/{point}/" in x]
        assert hooks[path] == tree("hooks", point, hook_scripts.HOOK)
    launcher = vdsm["/usr/libexec/vdsm-backup/vdsmd"]
    assert launcher == tree("contrib", "libexec", "vdsmd")


def tree(*names):
    with open(os.path.join(ROOT, *names), "rb") as f:
        return f.read()


def test_each_module_is_compiled(packages, release):
    """
    For the release's Python, and never compared with its source: whatever
    time stamps the files get, they need not be compiled again.
    """
    directory, version, magic = RELEASES[release]
    found = reading.contents(packages[0])
    library = directory + "/vdsm_backup/"
    sources = [x for x in found if x.startswith(library) and x.endswith(".py")]
    compiled = {x for x in found if x.endswith(".pyc")}
    for path in sources:
        assert found[path] == tree(os.path.relpath(path, directory)), path
    tag = f".cpython-{version.replace('.', '')}.pyc"
    assert len(sources) > 100
    assert compiled == {
        os.path.join(
            os.path.dirname(x), "__pycache__", os.path.basename(x)[:-3] + tag
        )
        for x in sources
    }
    for path in compiled:
        number, end, flags = struct.unpack("<H2sI", found[path][:8])
        # PEP 552: bit 0 is a hash in place of a time, bit 1 that it counts.
        assert (number, end, flags) == (magic, b"\r\n", 0b01), path


def test_nothing_names_the_machine_that_built(packages, source_tree):
    """Nor is anything of a test in it."""
    for path in packages:
        for name, content in reading.contents(path).items():
            assert source_tree.directory.encode() not in content, name
            assert b"BUILDROOT" not in content, name
        assert reading.rpm(path, "--qf", "%{BUILDHOST}") == "localhost"
