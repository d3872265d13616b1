# SPDX-License-Identifier: GPL-2.0-or-later
"""`make dist`: what a release is made of."""

import hashlib
import os
import shutil
import subprocess

import pytest

from tests.support.hooks.needs import needs_command
from tests.support.packages import reading
from tests.support.packages.building import NAME
from vdsm_backup.doctor import hook_scripts

pytest_plugins = ["tests.support.packages.packagefixtures"]
pytestmark = [
    needs_command("make"),
    pytest.mark.slow("rpmbuild compiles all modules"),
]

HOOK = os.path.join("hooks", "before_vm_start", hook_scripts.HOOK)

COMMIT = """
git init -q
git add -A
git -c user.name=x -c user.email=x@example.com commit -q -m x
"""
# Whose settings a developer has must not count.
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_DATE": "2026-11-30T12:00:00Z",
    "GIT_COMMITTER_DATE": "2026-11-30T12:00:00Z",
}


def dist(source, directory, umask):
    """{name: what it has} of what `make dist` leaves for one commit."""
    ignored = shutil.ignore_patterns("dist", "build")
    shutil.copytree(source.directory, directory, ignore=ignored)
    run = {
        "cwd": directory,
        "env": {**os.environ, **ENVIRONMENT},
        "check": True,
        "umask": umask,
    }
    subprocess.run(["sh", "-euc", COMMIT], **run)
    # Nobody has committed that.
    with open(os.path.join(directory, HOOK), "a") as f:
        f.write("# mine\n")
    subprocess.run(["make", "-s", "dist"], **run)
    assert not os.path.exists(os.path.join(directory, "build", "dist"))
    found = {}
    for name in os.listdir(os.path.join(directory, "dist")):
        with open(os.path.join(directory, "dist", name), "rb") as f:
            found[name] = f.read()
    return found


def test_one_commit_gives_the_same_bytes(source_tree, tmp_path):
    """Wherever it is checked out, and the checksums of its hooks."""
    found = dist(source_tree, tmp_path / "one", 0o022)
    assert found == dist(source_tree, tmp_path / "two", 0o077)
    tarball = f"{NAME}-{source_tree.version}.tar.gz"
    assert set(found) == {tarball, "hooks.sha256"}
    contents = reading.contents(source_tree.build("debian")[1])
    expected = {
        path: hashlib.sha256(content).hexdigest()
        for path, content in contents.items()
        if path.endswith(f"/{hook_scripts.HOOK}")
    }
    lines = found["hooks.sha256"].decode().splitlines()
    assert dict(line.split("  ")[::-1] for line in lines) == expected
    assert len(expected) == len(hook_scripts.POINTS) + 1
