# SPDX-License-Identifier: GPL-2.0-or-later
"""rpmlint, and the repository that a site serves."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from tests import ROOT
from tests.support.hooks.needs import needs_command
from tests.support.packages import reading
from tests.support.packages.building import NAME, PARTS

pytest_plugins = ["tests.support.packages.packagefixtures"]
pytestmark = pytest.mark.slow("rpmbuild compiles all modules")

CONFIG = os.path.join(ROOT, "contrib", "rpmlint.toml")
DIST = "debian"


@pytest.fixture(scope="module")
def packages(source_tree):
    return source_tree.build(DIST)


def lint(config, paths):
    done = subprocess.run(
        ["rpmlint", "-c", config, *paths], capture_output=True, text=True
    )
    # Its exit code is 0 also with errors.
    return re.findall(r"^\S+: [EW]: .*", done.stdout, re.M), done


@needs_command("rpmlint")
def test_rpmlint_has_nothing_to_say(packages, source_tree):
    every = [*packages, source_tree.source_package(DIST)]
    found, done = lint(CONFIG, every)
    assert found == [], done.stdout
    assert re.search(
        r"^ ?6 packages .* 0 errors, 0 warnings", done.stdout, re.M
    )


@needs_command("rpmlint")
def test_each_filter_is_needed(packages, source_tree, tmp_path):
    """And none hides what nobody knows of."""
    with open(CONFIG) as f:
        text = f.read()
    found = re.findall(r'^    "(.*)",(?:  # rpmlint (\S+))?$', text, re.M)
    assert len(found) > 10
    filters = [
        pattern
        for pattern, version in found
        if not version or version in rpmlint_version()
    ]
    bare = tmp_path / "bare.toml"
    bare.write_text(text.partition("Filters")[0])
    every = [*packages, source_tree.source_package(DIST)]
    found, _ = lint(str(bare), every)
    for pattern in filters:
        pattern = pattern.replace(r"\\", "\\")
        assert [x for x in found if re.search(pattern, x)], pattern


def rpmlint_version():
    done = subprocess.run(
        ["rpmlint", "--version"], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_each_filter_has_its_reason():
    with open(CONFIG) as f:
        lines = f.read().partition("Filters = [\n")[2].splitlines()
    assert lines[0].startswith("    # ")
    assert lines[-1] == "]"
    assert [
        x for x in lines if not x.startswith(("    # ", '    "', "]"))
    ] == []


@pytest.fixture(scope="module")
def repo(source_tree, packages):
    """Made twice: the bytes of its metadata."""
    made = []
    for _ in range(2):
        subprocess.run(
            [source_tree.path("contrib", "make-repo"), DIST],
            check=True,
            capture_output=True,
        )
        made.append(tree(source_tree.path("dist", "repo")))
    assert made[0] == made[1]
    return made[0]


def tree(top):
    found = {}
    for directory, _, names in os.walk(top):
        for name in names:
            path = os.path.join(directory, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, top)] = f.read()
    return found


@needs_command("createrepo_c")
def test_repository(repo, packages, source_tree):
    source = source_tree.source_package(DIST)
    served = {name for name in repo if name.endswith(".rpm")}
    binary = {os.path.basename(path) for path in packages}
    assert served == {
        *(f"{DIST}/noarch/{name}" for name in binary),
        f"{DIST}/source/{os.path.basename(source)}",
    }
    for part, expected in (
        ("noarch", {NAME + part for part in PARTS}),
        ("source", {NAME}),
    ):
        assert listed(repo, f"{DIST}/{part}") == expected


def listed(repo, directory):
    """The names of packages in the metadata that dnf reads."""
    names = [
        x for x in repo if re.match(rf"{directory}/repodata/.*primary\.xml", x)
    ]
    assert f"{directory}/repodata/repomd.xml" in repo
    (name,) = names
    command = {".gz": "gzip", ".zst": "zstd"}[os.path.splitext(name)[1]]
    text = subprocess.run(
        [command, "-dc"], input=repo[name], capture_output=True, check=True
    ).stdout
    namespace = "{http://linux.duke.edu/metadata/common}"
    return {x.text for x in ET.fromstring(text).iter(f"{namespace}name")}


def test_the_source_package_is_all_that_a_build_needs(source_tree, packages):
    """And has nothing else."""
    source = source_tree.source_package(DIST)
    assert reading.lines(source, "-l") == [
        f"{NAME}-{source_tree.version}.tar.gz",
        f"{NAME}.spec",
    ]


def test_a_package_is_built_from_the_source_package(
    source_tree, packages, tmp_path
):
    """As mock does it: by macros of the distribution, and nothing of ours."""
    macros = {
        "_topdir": str(tmp_path),
        "dist": f".{DIST}",
        "python3_version": "{}.{}".format(*sys.version_info),
        "python3_sitelib": "/usr/lib/python3/dist-packages",
    }
    defined = [("--define", f"{k} {v}") for k, v in macros.items()]
    subprocess.run(
        ["rpmbuild", "--rebuild", "--nodeps", *sum(defined, ())]
        + [source_tree.source_package(DIST)],
        check=True,
        capture_output=True,
    )
    for path in packages:
        name = os.path.basename(path)
        built = os.path.join(tmp_path, "RPMS", "noarch", name)
        assert reading.files(built) == reading.files(path)
        assert reading.requires(built) == reading.requires(path)
        assert reading.contents(built) == reading.contents(path), name
