# SPDX-License-Identifier: GPL-2.0-or-later
PYTHON = .venv/bin/python

# Where losetup, lvm and sanlock are; not in the PATH of Debian's users.
export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: check demo lint setup install-hooks clean

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

# The package itself is installed by pip or a distribution's package.
install-hooks:
	for hook in hooks/*/99_vdsm_backup; do \
	    case $$hook in \
	        hooks/qemu.d/*) to=/etc/libvirt/$$hook ;; \
	        *) to=/usr/libexec/vdsm/$$hook ;; \
	    esac; \
	    install -D -m 755 $$hook "$(DESTDIR)$$to" || exit; \
	done

clean:
	rm -rf .venv .tox .hypothesis .pytest_cache .ruff_cache build dist
	rm -rf *.egg-info
