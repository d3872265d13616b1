# SPDX-License-Identifier: GPL-2.0-or-later
"""
sanlock or a write fails, and what is wrong with the files of the domain is
told, which what failed does not say.
"""

import os
import shutil
import subprocess

import pytest

from tests.support.clifixtures import WHY, A, B
from tests.support.hooks.needs import (
    needs_other_user,
    needs_sanlock,
    slow_to_join,
)

pytest_plugins = [
    "tests.support.clifixtures",
    "tests.support.lease.leasedhost",
]
pytestmark = [slow_to_join, needs_sanlock]


def empty(path, other):
    os.truncate(path, 0)


def zeroed(path, other):
    size = os.path.getsize(path)
    os.truncate(path, 0)
    os.truncate(path, size)


def foreign(path, other):
    with open(path, "r+b") as f, open(other, "rb") as g:
        shutil.copyfileobj(g, f)


def missing(path, other):
    os.unlink(path)


@pytest.mark.parametrize(
    "area, spoil, words",
    [
        ("ids", empty, "it has 0 bytes of 1048576"),
        ("ids", zeroed, "zero"),
        ("ids", foreign, B),
        ("ids", missing, "it is missing"),
        ("leases", empty, "too short"),
        ("leases", zeroed, "zero"),
        ("leases", foreign, B),
        ("leases", missing, "it is missing"),
    ],
)
def test_what_sanlock_has_there(leased, area, spoil, words):
    paths = []
    for sd_id in (A, B):
        leased.domain(sd_id=sd_id)
        paths.append(os.path.join(leased.mount, sd_id, "dom_md", area))
    spoil(*paths)
    before = leased.bytes(A)
    done = leased.process("set", A, *WHY)
    # What fails first reads which ids it is.
    code = 970 if (area, spoil) == ("ids", missing) else 978
    assert f"error {code}: " in done.err
    said = done.err.partition(f"{area} of storage domain {A} cannot be used")
    assert words in said[2].partition("\n")[0], done.err
    assert "check the daemon" not in done.err
    assert "hint: see: vdsm-backup-domain explain 9620" in done.err
    assert leased.bytes(A) == before


@needs_other_user
def test_owner(leased):
    leased.domain(sd_id=A)
    path = os.path.join(leased.mount, A, "dom_md", "ids")
    os.chown(path, 0, 0)
    os.chmod(path, 0o600)
    done = leased.process("set", A, *WHY)
    assert "error 978: " in done.err
    assert (
        f"VDSM or sanlock cannot use dom_md/ids of storage domain {A}"
        in done.err
    )
    assert "hint: on the server: chown 36:36" in done.err


@needs_other_user
def test_owner_of_the_directory(leased):
    leased.domain(sd_id=A)
    dom_md = os.path.join(leased.mount, A, "dom_md")
    os.chown(dom_md, 0, 0)
    done = leased.process("set", A, *WHY)
    assert "error 970: " in done.err
    assert f"cannot use dom_md of storage domain {A}" in done.err
    assert "hint: on the server: chown 36:36" in done.err


@pytest.mark.parametrize(
    "name, letter, code",
    [
        ("dom_md", "i", 970),
        ("dom_md/metadata", "i", 970),
        ("dom_md/metadata", "a", 970),
        # By sanlock, which cannot write in it.
        ("dom_md/ids", "i", 978),
    ],
)
def test_immutable(leased, name, letter, code):
    leased.domain(sd_id=A)
    path = os.path.join(leased.mount, A, name)
    if subprocess.run(["chattr", f"+{letter}", path]).returncode:
        pytest.skip("no chattr here")
    try:
        done = leased.process("set", A, *WHY)
        verified = leased.process("verify", A)
    finally:
        subprocess.run(["chattr", f"-{letter}", path], check=True)
    assert f"error {code}: " in done.err
    assert done.err.count("was not changed") == (code == 970)
    assert f"(chattr +{letter})" in done.err
    assert f": lsattr -d {path}\n" in done.err
    assert f": chattr -{letter} {path}\n" in done.err
    assert f": chattr -{letter} {path}\n" in verified.out
    assert (done.code, verified.code) == (1, 1)
