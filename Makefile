# SPDX-License-Identifier: GPL-2.0-or-later
PYTHON = .venv/bin/python

# Where losetup, lvm and sanlock are; not in the PATH of Debian's users.
export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: check demo lint setup clean

# Install what the tests need, then run them all.
check: lint
	$(PYTHON) -m pytest -rsfE tests

# The main job, on storage that it makes itself.
demo:
	contrib/setup-dev demo
	contrib/demo

lint: setup
	$(PYTHON) -m black --check . contrib/demo contrib/libexec/vdsmd
	$(PYTHON) -m ruff check .

setup:
	contrib/setup-dev check

clean:
	rm -rf .venv .tox .hypothesis .pytest_cache .ruff_cache build dist
	rm -rf *.egg-info
