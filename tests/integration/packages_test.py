# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in the packages of this working tree."""

import os
import re
import struct
import subprocess

import pytest

from tests import ROOT
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


def test_the_same_bytes_from_another_directory(source_tree, tmp_path_factory):
    """Nor does it matter with which umask it was checked out."""
    other = building.source(tmp_path_factory, "this-too", close)
    assert other.directory != source_tree.directory
    for one, two in zip(everything(source_tree), everything(other)):
        assert os.path.basename(one) == os.path.basename(two)
        with open(one, "rb") as f, open(two, "rb") as g:
            assert f.read() == g.read(), one


def close(source):
    subprocess.run(["chmod", "-R", "go=", source.directory], check=True)


def everything(source):
    return [*source.build("debian"), source.source_package("debian")]


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
    base, hooks, vdsm = [reading.scriptlets(path) for path in packages]
    assert (set(base), set(hooks), set(vdsm)) == (set(), {"PREUN"}, {"PREUN"})
    assert "systemctl" not in hooks["PREUN"]
    called = re.findall(r"systemctl .*", vdsm["PREUN"])
    assert called == ["systemctl daemon-reload || :"]
    for text in (hooks["PREUN"], vdsm["PREUN"]):
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
    base, hooks, vdsm = packages
    assert reading.requires(hooks) == {
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


def test_nothing_conflicts(packages):
    """oVirt Node would drop all packages that are layered."""
    for path in packages:
        assert reading.lines(path, "--conflicts") == []
        assert reading.lines(path, "--obsoletes") == []


DIRECTORY = ("drwxr-xr-x", "root:root", "")
PROGRAM = ("-rwxr-xr-x", "root:root", "")
FILE = ("-rw-r--r--", "root:root", "")


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
    assert {os.path.basename(name) for name in documents} > {
        *("README.md", "CHANGELOG.md", "LICENSE", "guard.md", "packages.md")
    }
    for name in documents:
        assert found[name][:2] in (FILE[:2], DIRECTORY[:2]), name
    for name in modules:
        assert found[name] in (FILE, DIRECTORY), name
    rest = {n: found[n] for n in set(found) - documents - modules}
    assert rest == {
        "/usr/bin/vdsm-backup-domain": PROGRAM,
        "/etc/vdsm-backup": DIRECTORY,
        "/etc/vdsm-backup/conf.d": DIRECTORY,
        "/etc/vdsm-backup/vdsm-backup.conf": (*FILE[:2], "cn"),
        "/usr/lib/vdsm-backup": DIRECTORY,
        "/usr/lib/vdsm-backup/conf.d": DIRECTORY,
    }


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
        "/var/lib/vdsm-backup": DIRECTORY,
        "/var/lib/vdsm-backup/history": history,
    }


def test_files_of_the_plugin(packages):
    """Nothing of it in /etc, which oVirt Node keeps when it drops /usr."""
    unit = "/usr/lib/systemd/system/vdsmd.service.d"
    assert reading.files(packages[2]) == {
        "/usr/libexec/vdsm-backup": DIRECTORY,
        "/usr/libexec/vdsm-backup/bridge-agent": PROGRAM,
        "/usr/libexec/vdsm-backup/vdsmd": PROGRAM,
        unit: DIRECTORY,
        f"{unit}/50-vdsm-backup.conf": FILE,
    }


def test_scripts_are_as_they_are_in_the_tree(packages):
    """doctor knows them by their checksums."""
    hooks, vdsm = map(reading.contents, packages[1:])
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
