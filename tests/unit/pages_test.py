# SPDX-License-Identifier: GPL-2.0-or-later
"""What a text names is there: pages, their sections, files, and links."""

import ast
import glob
import os
import re
import unicodedata

import pytest

from tests import ROOT

# Where the package has README.md, and docs beside it: contrib/install-files.
INSTALLED = "/usr/share/doc/vdsm-backup-domain/"

PAGES = sorted(
    os.path.relpath(path, ROOT)
    for path in (
        *glob.glob(os.path.join(ROOT, "*.md")),
        *glob.glob(os.path.join(ROOT, "docs", "*.md")),
        *glob.glob(
            os.path.join(ROOT, "contrib", "**", "*.md"), recursive=True
        ),
    )
)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


# Of markdown


def prose(text):
    """Without what is shown as it is typed."""
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    text = re.sub(r"(?m)^    .*$", "", text)
    return re.sub(r"`[^`\n]*`", "", text)


def headings(text):
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    return re.findall(r"(?m)^#+ (.*)$", text)


def anchor(heading):
    """As GitHub makes it."""
    heading = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
    kept = "".join(
        char
        for char in heading.replace("`", "")
        if char in " -_" or unicodedata.category(char)[0] in "LN"
    )
    return kept.replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(read(page))):
        if re.match(r"https?://", target):
            continue
        path, _, section = target.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(page), path))
        path = path if target.partition("#")[0] else page
        if not os.path.exists(os.path.join(ROOT, path)):
            broken.append(target)
        elif section and section not in map(anchor, headings(read(path))):
            broken.append(target)
    assert broken == []


def test_an_anchor_is_that_of_github():
    assert anchor("On a host, `set`: what's new?") == "on-a-host-set-whats-new"


@pytest.mark.parametrize("page", [p for p in PAGES if p.startswith("docs/")])
def test_links_of_installed_pages_are_installed(page):
    """A page in /usr/share/doc has README.md and docs around it only."""
    outside = [
        target
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(read(page)))
        if target.startswith("../")
        and target.partition("#")[0] not in ("../README.md", "../CHANGELOG.md")
    ]
    assert outside == []


def test_each_page_is_in_the_index():
    """README.md leads to all of docs."""
    linked = set(re.findall(r"\]\((docs/[\w-]+\.md)\)", read("README.md")))
    assert linked == {page for page in PAGES if page.startswith("docs/")}


# Of messages


def messages():
    """
    (file, text) of all texts of the product that a user may be shown: no
    docstrings, and no comments but those of configuration files.
    """
    modules = glob.glob(
        os.path.join(ROOT, "vdsm_backup/**/*.py"), recursive=True
    )
    scripts = glob.glob(os.path.join(ROOT, "hooks/*/99_vdsm_backup"))
    scripts += glob.glob(os.path.join(ROOT, "contrib/libexec/*"))
    for path in modules + scripts:
        for text in constants(ast.parse(read(path))):
            yield path, text
    for pattern in (
        *("systemd/*.*", "systemd/*/*.conf", "collectd/*", "sos/*", "man/*"),
        *("tmpfiles.d/*", "sudoers.d/*", "*.conf", "bash-completion/*"),
        *("ansible/roles/*/*/*", "ansible/plugins/modules/*.py"),
        *("ansible/examples/*", "prometheus/*"),
    ):
        found = glob.glob(os.path.join(ROOT, "contrib", pattern))
        found = list(filter(os.path.isfile, found))
        assert found, pattern
        for path in found:
            # Manual pages have requests of roff.
            yield path, re.sub(r"\\(?:f[A-Z]|(?=-))", "", read(path))


def constants(tree):
    said = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
        # What `explain` prints is the docstring of an error.
        and not any(
            isinstance(x, ast.Assign) and x.targets[0].id == "code"
            for x in node.body
            if isinstance(x, ast.Assign) and isinstance(x.targets[0], ast.Name)
        )
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in said:
                yield node.value


_PAGE = re.compile(r"(?<![\w/.-])([\w/.-]*\.md)\b(?:, ([A-Z][a-z ]+))?")


def named():
    """(file, page, section) that a message names."""
    for path, text in messages():
        for page, section in _PAGE.findall(text):
            yield os.path.relpath(path, ROOT), page, section.strip()


def test_some_messages_name_pages():
    assert len(set(named())) > 5


def test_pages_in_messages_are_installed_and_have_the_section():
    """Whoever reads the message has no other name for the page."""
    wrong = []
    for path, page, section in named():
        # The role has one of its own, beside these files.
        if page == "README.md" and "ansible/roles" in path:
            continue
        inside = page.removeprefix(INSTALLED)
        if inside == page or inside not in PAGES:
            wrong.append((path, page))
        elif section and section not in headings(read(inside)):
            wrong.append((path, page, section))
    assert wrong == []


# Words

TERMS = (
    *("pool", "SPM", "SDM lease", "lockspace", "host id", "checksum", "seal"),
    *("origin", "guard", "flagged", "settle", "permit", "attached", "engine"),
    *("fence", "holder", "companion", "verb", "violation", "plugin", "hook"),
)


def test_the_glossary_explains_the_words_of_the_pages():
    rows = re.findall(r"(?m)^\| ([^|]+) \| [A-Z]", read("docs/glossary.md"))
    assert rows == sorted(rows, key=str.lower)
    explained = [term for row in rows for term in row.split(", ")]
    assert len(explained) == len(set(explained))
    assert set(TERMS) <= set(explained)
    others = "".join(read(p) for p in PAGES if p != "docs/glossary.md")
    unused = [t for t in explained if t.lower() not in others.lower()]
    assert unused == []
