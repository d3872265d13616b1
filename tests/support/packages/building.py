# SPDX-License-Identifier: GPL-2.0-or-later
"""
Packages of the working tree, with what is not committed yet: built by
contrib/make-rpm as for a release.
"""

import fcntl
import glob
import os
import re
import shutil
import subprocess

import pytest

from tests import ROOT

NAME = "vdsm-backup-domain"
# In the order in which they build on each other; the last one on none.
PARTS = ("", "-hooks", "-vdsm", "-ansible", "-engine")
SCRIPT = os.path.join("contrib", "make-rpm")

# Of every file in the tarball of a test, as of one commit.
_TIME = "@1700000000"

# The exit code of make-rpm where no interpreter of the version is here.
_NO_INTERPRETER = 3


class Source:
    """A copy of the working tree, and the packages that are built of it."""

    def __init__(self, directory):
        self.directory = directory
        if not os.path.exists(os.path.join(directory, SCRIPT)):
            self._copy()

    def _copy(self):
        command = ["git", "-c", f"safe.directory={ROOT}", "-C", ROOT]
        command += ["ls-files", "-z", "-co", "--exclude-standard"]
        try:
            done = subprocess.run(command, capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError) as e:
            pytest.skip(f"git cannot tell the files of the tree: {e}")
        for name in filter(None, os.fsdecode(done.stdout).split("\0")):
            path = os.path.join(ROOT, name)
            # What was removed, and is not committed, git still lists.
            if os.path.exists(path):
                target = os.path.join(self.directory, name)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy(path, target)

    @property
    def version(self):
        with open(self.path("vdsm_backup", "__init__.py")) as f:
            return re.search(r'^__version__ = "(.*)"$', f.read(), re.M)[1]

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def edit(self, name, old, new):
        """Make this another version."""
        with open(self.path(name)) as f:
            text = f.read()
        assert text.count(old) == 1, (name, old)
        with open(self.path(name), "w") as f:
            f.write(text.replace(old, new))

    def build(self, dist):
        """[path of a package, ...], in the order of PARTS; built once."""
        if shutil.which("rpmbuild") is None:
            pytest.skip("rpmbuild is not here")
        with open(self.directory + ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.isdir(self.path("dist", dist)):
                self._build(dist)
        release = f"{self.version}-1.{dist}.noarch.rpm"
        names = [f"{NAME}{part}-{release}" for part in PARTS]
        found = [self.path("dist", dist, name) for name in names]
        assert sorted(found) == sorted(
            glob.glob(self.path("dist", dist, "*.noarch.rpm"))
        )
        return found

    def source_package(self, dist):
        self.build(dist)
        (path,) = glob.glob(self.path("dist", dist, "*.src.rpm"))
        return path

    def _build(self, dist):
        tarball = self.path("dist", f"{NAME}-{self.version}.tar.gz")
        if not os.path.exists(tarball):
            self._pack(tarball)
        # What a developer's shell says of Python must not count.
        done = subprocess.run(
            [self.path(SCRIPT), dist], capture_output=True, text=True
        )
        if done.returncode == _NO_INTERPRETER:
            pytest.skip(done.stderr.strip())
        assert done.returncode == 0, done.stdout + done.stderr

    def _pack(self, tarball):
        os.makedirs(os.path.dirname(tarball), exist_ok=True)
        into = f"--transform=s,^\\.,{NAME}-{self.version},"
        command = ["tar", "-c", "--sort=name", "--owner=0", "--group=0"]
        command += [
            "--numeric-owner",
            "--mode=u=rwX,go=rX",
            f"--mtime={_TIME}",
        ]
        command += ["--exclude=./dist", into, "."]
        tar = subprocess.run(
            command, cwd=self.directory, capture_output=True, check=True
        )
        with open(tarball, "wb") as f:
            subprocess.run(
                ["gzip", "-n"], input=tar.stdout, stdout=f, check=True
            )


def source(tmp_path_factory, name, change=None):
    """
    The Source of this name, made once a run by whichever worker needs it.

    change: called with it when it is new.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    top = os.path.join(base, "packages")
    os.makedirs(top, exist_ok=True)
    directory = os.path.join(top, name)
    with open(directory + ".made", "a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if not lock.read():
            made = Source(directory)
            if change is not None:
                change(made)
            lock.write("made")
    return Source(directory)
