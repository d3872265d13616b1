# SPDX-License-Identifier: GPL-2.0-or-later
PYTHON = .venv/bin/python

# That of the hooks' first line.
SYSTEM_PYTHON = /usr/bin/python3

# Where losetup, lvm and sanlock are; not in the PATH of Debian's users.
export PATH := $(PATH):/usr/sbin:/sbin

# Tries this many XMLs on a hook; see tests/fuzz.
FUZZ_INPUTS = 200000

# SKIP=e2e: `make check` without the machines of tests/e2e.
SKIP =
skipped = $(filter e2e,$(SKIP))
$(if $(filter-out e2e,$(SKIP)),$(error SKIP can be e2e, not $(SKIP)))

# What contrib/setup-dev gets this machine ready for.
GOAL = check
check: GOAL = $(if $(skipped),check,e2e)
e2e e2e-shell: GOAL = e2e

.PHONY: check e2e e2e-shell fuzz demo lint setup install-hooks clean

# Install what the tests need, then run them all.
check: lint
	$(PYTHON) -m pytest -rsfE tests $(if $(skipped),--ignore=tests/e2e; \
	    rc=$$?; echo "left out by SKIP=e2e: tests/e2e"; exit $$rc)

# In virtual machines: tests/e2e. E2E="-k nfs" and the like choose.
e2e: setup
	$(PYTHON) -m pytest -rsfE $(or $(filter tests/%,$(E2E)),tests/e2e) \
	    $(filter-out tests/%,$(E2E))

# A shell in one of them: VM=storage, host1 or host2.
e2e-shell: setup
	$(PYTHON) -m tests.e2e.box.shell $(VM)

fuzz: setup
	FUZZ_INPUTS=$(FUZZ_INPUTS) $(PYTHON) -m pytest -s -rfE tests/fuzz

# The main job, on storage that it makes itself.
demo:
	contrib/setup-dev demo
	contrib/demo

lint: setup
	$(PYTHON) -m black --check . contrib/demo contrib/libexec/vdsmd
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy

setup:
	contrib/setup-dev $(GOAL)

# The package itself is installed by pip or a distribution's package. A hook
# that does not find it refuses every VM.
install-hooks:
	@[ -n "$(DESTDIR)" ] || \
	    $(SYSTEM_PYTHON) -I -c 'import vdsm_backup.hooks.answer' || { \
	    echo "install the package for $(SYSTEM_PYTHON) first: README.md," \
	        "On a host" >&2; exit 1; }
	for hook in hooks/*/99_vdsm_backup; do \
	    case $$hook in \
	        hooks/qemu.d/*) to=/etc/libvirt/$$hook ;; \
	        *) to=/usr/libexec/vdsm/$$hook ;; \
	    esac; \
	    install -D -m 755 $$hook "$(DESTDIR)$$to" || exit; \
	    [ -n "$(DESTDIR)" ] || ! command -v restorecon >/dev/null || \
	        restorecon "$$to" || exit; \
	done

clean:
	rm -rf .venv .tox .hypothesis .pytest_cache .ruff_cache build dist
	rm -rf *.egg-info
