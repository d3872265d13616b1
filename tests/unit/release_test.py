# SPDX-License-Identifier: GPL-2.0-or-later
"""A version is the same wherever it stands: CONTRIBUTING.md, A release."""

import os
import re

from tests import ROOT
from vdsm_backup import __version__


def read(*names):
    with open(os.path.join(ROOT, *names), encoding="utf-8") as f:
        return f.read()


def versions(text):
    """[(version, date, or "" if it is not released)], newest first"""
    headings = re.findall(r"^## (.*)$", text, re.M)
    dated = r"(\d+\.\d+\.\d+)(?: - (\d{4}-\d\d-\d\d)| \(not released\))"
    return [re.fullmatch(dated, x).groups("") for x in headings]


def test_the_changelog_has_this_version():
    """It is the newest one that is released; before the first one, that."""
    found = versions(read("CHANGELOG.md"))
    released = [version for version, date in found if date]
    assert (released or [found[0][0]])[0] == __version__
    # Only what comes next is not released.
    assert all(date for _, date in found[1:])
    dates = [date for _, date in found if date]
    assert dates == sorted(dates, reverse=True)


def test_the_spec_has_this_version():
    """Who builds the source package in mock gives it none."""
    spec = read("contrib", "vdsm-backup-domain.spec")
    fallback = re.findall(r"\{!\?version_of_us: %global \w+ (.*)\}", spec)
    assert fallback == [__version__]
