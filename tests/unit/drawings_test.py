# SPDX-License-Identifier: GPL-2.0-or-later
"""The drawings of docs/architecture.md show processes that there are."""

import glob
import hashlib
import os
import re
from xml.etree import ElementTree

import pytest

from tests import ROOT

DOCS = os.path.join(ROOT, "docs")
NAMES = sorted(
    os.path.basename(path)[: -len(".dot")]
    for path in glob.glob(os.path.join(DOCS, "*.dot"))
)


def read(*names):
    with open(os.path.join(ROOT, *names), encoding="utf-8") as f:
        return f.read()


def labels(name):
    """The lines of text of a drawing, as its source has them."""
    text = re.sub(r"(?m)^//.*$", "", read("docs", f"{name}.dot"))
    found = re.findall(r'\blabel="([^"]*)"', text)
    return sorted(line for label in found for line in label.split(r"\n"))


def modules(text):
    text = text.replace(r"\n", "\n")
    return set(re.findall(r"\b[a-z_]+/[a-z_]+\.py\b", text))


@pytest.mark.parametrize("name", NAMES)
def test_the_drawing_is_of_its_source(name):
    """If not: `make drawings`."""
    source = read("docs", f"{name}.dot").encode()
    drawing = read("docs", f"{name}.svg")
    said = f"{name}.dot {hashlib.sha256(source).hexdigest()} by"
    assert said in drawing
    texts = ElementTree.fromstring(drawing.encode()).iter(
        "{http://www.w3.org/2000/svg}text"
    )
    assert sorted(text.text for text in texts) == labels(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_shows_the_drawing(name):
    assert f"]({name}.svg)" in read("docs", "architecture.md")


@pytest.mark.parametrize(
    "path", [f"{n}.dot" for n in NAMES] + ["architecture.md"]
)
def test_modules_are_there(path):
    found = modules(read("docs", path))
    assert found
    for module in found:
        assert os.path.exists(
            os.path.join(ROOT, "vdsm_backup", module)
        ), module


def test_a_change_starts_what_the_map_of_processes_says():
    """CONTRIBUTING.md, of detached domains; open_lock is of local ones."""
    text = read("CONTRIBUTING.md").partition("## Who starts which process")[2]
    tree = text.partition("/usr/libexec/vdsm/hooks")[0]
    programs = set(re.findall(r"-- lvm (\w+)", tree))
    assert programs
    shown = " ".join(labels("architecture-change"))
    assert modules(tree) - modules(shown) == {"lease/open_lock.py"}
    assert modules(shown) - modules(tree) == {"plugin/verbs.py"}
    # Of the others it shows one.
    assert programs >= set(re.findall(r"lvm (\w+)", shown)) >= {"vgchange"}


def test_a_start_asks_each_hook():
    shown = " ".join(labels("architecture-start"))
    hooks = glob.glob(os.path.join(ROOT, "hooks", "*", "99_vdsm_backup"))
    assert set(re.findall(r"[\w.]+/99_vdsm_backup", shown)) == {
        os.path.relpath(path, os.path.join(ROOT, "hooks")) for path in hooks
    }
