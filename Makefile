# SPDX-License-Identifier: GPL-2.0-or-later
PYTHON = .venv/bin/python

# That of the hooks' first line.
SYSTEM_PYTHON = /usr/bin/python3

# Where losetup, lvm and sanlock are; not in the PATH of Debian's users.
export PATH := $(PATH):/usr/sbin:/sbin

# Most tests wait for daemons and timeouts most of the time. Those that take
# longest come first, in the order of tests/conftest.py, not of xdist's.
WORKERS = $(shell expr 6 \* $$(nproc))
PARALLEL = -n $(WORKERS) --dist loadscope --no-loadscope-reorder

# What `make soak` does at random; SEED=NUMBER repeats it.
ifndef SEED
SEED := $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
endif

# What contrib/setup-dev gets this machine ready for.
GOAL = check
e2e e2e-shell soak: GOAL = e2e
bench bench-compare bench-page: GOAL = bench
pages drawings picture: GOAL = pages

.PHONY: check compiled coverage e2e e2e-shell soak vdsm-suite bench \
    bench-compare bench-page demo demo-shell lint man errors drawings picture \
    tutorial runbooks bridge pages setup install install-hooks install-ansible \
    install-engine uninstall dist rpm repo clean

# Compiled modules are kept, also where the environment says not to: each
# worker, and each program that a test starts, would compile them again.
unexport PYTHONDONTWRITEBYTECODE

# Install what the tests need, then run all that need no virtual machine.
check:
	$(MAKE) -j2 --output-sync lint compiled
	$(PYTHON) -m pytest -rsfE $(PARALLEL) tests --ignore=tests/e2e

# In virtual machines: tests/e2e. E2E="-k nfs" and the like choose.
e2e: setup
	$(PYTHON) -m pytest -rsfE $(or $(filter tests/%,$(E2E)),tests/e2e) \
	    $(filter-out tests/%,$(E2E))

# A shell in one of them: VM=storage, host1 or host2.
e2e-shell: setup
	$(PYTHON) -m tests.e2e.box.shell $(VM)

# What only repeats, more often than the others do. SOAK="tests/fuzz" and the
# like choose.
soak: setup
	SOAK=1 SEED=$(SEED) $(PYTHON) -m pytest -rsfE -s -m soak \
	    $(or $(SOAK),tests)

# VDSM's own test suites, plain and with the plugin in it: what differs.
# VDSM=CHECKOUT; SUITE="virt storage/hsm_test.py" and the like choose, and
# --root adds what VDSM's tests do as root. PYTHON=PATH takes another Python.
vdsm-suite: setup
	@[ -n "$(VDSM)" ] || { echo "VDSM=CHECKOUT is missing" >&2; exit 2; }
	$(PYTHON) -m tests.vdsm_suite "$(VDSM)" $(SUITE)

# How fast it is, beside the least that anybody could do. ROWS="hook list" and
# the like choose groups of rows, and ROWS="-k block" rows.
bench: setup
	$(PYTHON) -m tests.bench $(ROWS)

# The same, and what another commit does. BASE=COMMIT
bench-compare: setup
	@[ -n "$(BASE)" ] || { echo "BASE=COMMIT is missing" >&2; exit 2; }
	$(PYTHON) -m tests.bench --base "$(BASE)" $(ROWS)

# All of it, or ROWS="bridge" and the like, into docs/performance.md.
bench-page: setup
	$(PYTHON) -m tests.bench --page $(ROWS)

# Which lines `make check` runs. Children that start without the site module,
# as most of ours do, are not counted.
coverage: setup
	$(PYTHON) -m pytest $(PARALLEL) --cov --cov-report=term \
	    --cov-report=html tests --ignore=tests/e2e

# The main job, on storage that it makes itself.
demo:
	contrib/setup-dev demo
	contrib/demo

# A shell with the storage of the demo: docs/tutorial.md
demo-shell:
	contrib/setup-dev demo
	contrib/demo shell

# The test modules, once for all workers, which begin at the same time. What
# is wrong with one of them is said when the tests run.
compiled: setup
	-$(PYTHON) -m pytest -q --collect-only tests --ignore=tests/e2e >/dev/null

lint: setup
	$(PYTHON) -m black --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy

# The manual pages, which are committed: contrib/man.
man: setup
	$(PYTHON) contrib/make-man

# All that is made of pages, but for docs/performance.md: `make bench-page`.
pages: man errors drawings picture tutorial runbooks bridge

# The drawings of docs/architecture.md, which are committed, from docs/*.dot.
drawings: setup
	contrib/make-drawings

# The picture in README.md, which is committed: a run of the demo.
picture: setup
	$(PYTHON) contrib/make-picture

# What commands say in docs/tutorial.md, typed anew on the demo's storage.
tutorial: setup
	contrib/make-tutorial

# What commands say in docs/bad-night.md and other runbooks, typed anew.
runbooks: setup
	$(PYTHON) contrib/make-runbooks

# What commands say in docs/bridge.md, with two engines that are stand-ins.
bridge: setup
	$(PYTHON) contrib/make-bridge

# The catalogue of errors, which is committed: docs/errors.md.
errors: setup
	$(PYTHON) contrib/make-errors

setup:
	contrib/setup-dev $(GOAL)

# On this machine, without rpm; DESTDIR=DIRECTORY puts it there instead.
# install-hooks: where pip or a distribution's package has the library.
# install-ansible: the role and the module, where Ansible runs.
# install-engine: the bridge, beside an engine, where the library is.
install install-hooks install-ansible install-engine uninstall:
	DESTDIR="$(DESTDIR)" PYTHON="$(SYSTEM_PYTHON)" contrib/install-files $@

# What a release is: the files of the last commit, with its time stamp, and the
# checksums of its hooks, which an engine shows of each host.
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' \
    vdsm_backup/__init__.py)
TARBALL = dist/vdsm-backup-domain-$(VERSION).tar.gz

dist:
	mkdir -p dist
	git -c tar.umask=0022 archive \
	    --prefix=vdsm-backup-domain-$(VERSION)/ HEAD \
	    | gzip -n -9 >$(TARBALL)
	rm -rf build/dist && mkdir -p build/dist
	tar -xzf $(TARBALL) -C build/dist --strip-components=1
	build/dist/contrib/install-files sums >dist/hooks.sha256
	rm -rf build/dist

# Packages: DIST=el9, el10, or debian, which is for tests.
DIST = el9
rpm: dist
	contrib/make-rpm $(DIST)

# A repository of both releases in dist/repo: docs/packages.md
repo: dist
	contrib/make-rpm el9
	contrib/make-rpm el10
	contrib/make-repo el9 el10

clean:
	rm -rf .venv .tox .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -rf build dist
	rm -rf .coverage htmlcov
	rm -rf *.egg-info
