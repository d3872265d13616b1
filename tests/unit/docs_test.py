# SPDX-License-Identifier: GPL-2.0-or-later
"""What the documents show is true."""

import inspect
import os
import re
import subprocess
import sys

import pytest

from tests import ROOT
from vdsm_backup import __version__, config, errors
from vdsm_backup.cli import main
from vdsm_backup.guard import policy
from vdsm_backup.hooks import entry
from vdsm_backup.host import filesystems
from vdsm_backup.metadata import encoding, flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.plugin import patches, schema

SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


def block(text, kind):
    return re.search(rf"^```{kind}\n(.*?)^```$", text, re.M | re.S)[1]


@pytest.fixture
def example():
    return block(read("docs", "format.md"), "metadata")


def test_example_of_metadata_is_sealed_and_flagged(example):
    md = md_lines.require(example.splitlines(), SD)
    assert md.seal == "valid"
    assert flag.read(md.values, SD).value is True


def test_example_is_written_as_vdsm_writes(example):
    lines = example.splitlines()
    assert md_lines.flush(md_lines.parse(lines).values) == lines


def test_shell_recipe_of_the_seal(example, tmp_path):
    (tmp_path / "metadata").write_text(example)
    recipe = block(read("docs", "format.md"), "shell")
    done = subprocess.run(
        recipe, shell=True, cwd=tmp_path, capture_output=True, text=True
    )
    sealed = md_lines.parse(example.splitlines()).declared
    assert done.stdout.split()[0] == sealed


def test_example_of_tags(example):
    shown = re.findall(r"^    (MDT_.*)$", read("docs", "format.md"), re.M)
    tags = {encoding.encode_tag(line) for line in example.splitlines()}
    assert shown and set(shown) <= tags


def table(text):
    """{(section, option): default} of the table of configuration.md."""
    found = {}
    section = None
    for row in re.findall(r"^\|(.*)\|$", text, re.M):
        cells = [re.findall(r"`([^`]*)`", c) for c in row.split("|")]
        if cells[0]:
            section = cells[0][0].strip("[]")
        for i, option in enumerate(cells[1]):
            assert (section, option) not in found
            found[section, option] = cells[2][i] if cells[2] else ""
    return found


def test_configuration_lists_all_options_with_their_defaults():
    expected = {
        (section, option): default
        for section, options in config.DEFAULTS.items()
        for option, default in options.items()
    }
    assert table(read("docs", "configuration.md")) == expected


def test_configuration_names_the_options_that_were_removed():
    text = read("docs", "configuration.md")
    for section, option in config.REMOVED:
        assert f"- `[{section}] {option}`" in text


def test_catalogue_of_errors_is_what_make_errors_writes(tmp_path):
    """If not: `make errors`."""
    made = tmp_path / "errors.md"
    subprocess.run(
        [sys.executable, os.path.join(ROOT, "contrib", "make-errors"), made],
        check=True,
    )
    assert made.read_text() == read("docs", "errors.md")


@pytest.mark.parametrize("code", sorted(errors.by_code()))
def test_catalogue_says_what_explain_says(code):
    cls = errors.by_code()[code]
    text = read("docs", "errors.md")
    entry = text.partition(f"### {code} {cls.__name__}\n")[2]
    entry = entry.partition("\n### ")[0]
    assert inspect.getdoc(cls) in entry
    assert f"Exit code: {int(main.exit_code(cls))}." in entry


def test_support_names_the_versions_that_are_tested_and_needed():
    text = read("docs", "support.md")
    pythons = re.search(r"\| Python \| ([\d., ]+):", text)[1].split(", ")
    minors = re.search(r"envlist = py\{([\d,]+)\}", read("tox.ini"))[1]
    assert pythons == [f"3.{m[1:]}" for m in minors.split(",")]
    oldest = re.search(r'python_requires=">=(.*)"', read("setup.py"))[1]
    assert f" | {oldest} or later |" in text
    spec = read("contrib", "vdsm-backup-domain.spec")
    (vdsm,) = set(re.findall(r"Requires: +vdsm >= (\S+)", spec))
    assert f"| VDSM | {vdsm} and later |" in text
    assert f"| VDSM | before {vdsm} |" in text
    lvm = re.search(
        r"lvm2 (\S+) or later", read("vdsm_backup/doctor/tools.py")
    )
    assert f" | {lvm[1]} or later |" in text


def test_support_names_the_file_systems_of_local_domains():
    text = read("docs", "support.md")
    local = " ".join(re.findall(r"(?m)^\| local domain \| (.*?) \|", text))
    assert set(local.replace(",", "").split()) == filesystems.LOCAL


def test_pages_that_hints_name_are_there():
    texts = [hint for c in errors.by_code().values() for hint in c.hints]
    pages = re.findall(r"man (\d) ([\w.-]*\w)", " ".join(texts))
    assert pages
    for section, name in pages:
        path = os.path.join(ROOT, "contrib", "man", f"{name}.{section}")
        assert os.path.exists(path), path


def test_guard_lists_the_table():
    text = read("docs", "guard.md")
    rows = re.findall(r"^\| `([\w-]+)` \| (.*?) \| (.*?) \|$", text, re.M)
    assert rows == [(r.operation, r.about, r.answer) for r in policy.TABLE]


def test_guard_lists_the_hooks():
    text = read("docs", "guard.md").partition("## Hooks")[2]
    rows = re.findall(r"^\| `(before_\w+)` \| `([\w-]+)`", text, re.M)
    assert dict(rows) == entry._VDSM_OPERATIONS
    (libvirt,) = re.findall(r"^\| libvirt's `qemu.d` \| (.*) \|$", text, re.M)
    known = re.findall(r"`([\w-]+)`", libvirt)
    assert known == list(entry._LIBVIRT_OPERATIONS.values())


def test_plugin_counts_what_it_changes():
    wrapped = len(patches.WRAPPED) + len(patches.GUARDED)
    count = f"{wrapped} functions are wrapped, {len(patches.ADDED)} are added,"
    count += f" and {len(patches.ITEMS)} keys of a table."
    assert count in " ".join(read("docs", "vdsm.md").split())


def test_codes_of_the_verbs_are_ours():
    text = read("docs", "vdsm.md").partition("## Errors")[2]
    codes = re.findall(
        r"\b\d{3,4}\b", " ".join(re.findall(r"^\|(.*?)\|", text, re.M))
    )
    assert set(map(int, codes)) - {654, 309} <= set(errors.by_code())
    assert len(codes) > 20


def test_verbs_are_shown_as_they_are():
    text = read("docs", "vdsm.md")
    methods = {
        "StorageDomain.getInfo": {
            "params": [{"name": "storagedomainID"}],
            "return": {"type": {"properties": []}},
        }
    }
    schema._extend(methods)
    for verb in ("StorageDomain.setBackup", "StorageDomain.getBackup"):
        shown = text.partition(f"### {verb}\n")[2].partition("\n### ")[0]
        method = methods[verb]
        for item in method["return"]["type"]["properties"]:
            assert f'"{item["name"]}": ' in shown, item["name"]
        for item in method["params"][1:]:
            assert f"| `{item['name']}` |" in shown


@pytest.mark.parametrize("path", [("README.md",), ("docs", "vdsm.md")])
def test_hosts_are_told_to_install_the_packages_of_hosts(path, tmp_path):
    """The others require what no host has: Ansible, and an engine."""
    patterns = re.findall(r"^    dnf install (dist/\S+)$", read(*path), re.M)
    assert patterns
    parts = ("", "-hooks", "-vdsm", "-ansible", "-engine")
    directory = tmp_path / "dist" / "el9"
    directory.mkdir(parents=True)
    names = [
        f"vdsm-backup-domain{part}-{__version__}-1.el9.noarch.rpm"
        for part in parts
    ]
    names.append(f"vdsm-backup-domain-{__version__}-1.el9.src.rpm")
    for name in names:
        (directory / name).touch()
    for pattern in patterns:
        done = subprocess.run(
            ["bash", "-c", f"printf '%s\\n' {pattern}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        found = [os.path.basename(line) for line in done.stdout.split()]
        assert sorted(found) == sorted(names[:3])
