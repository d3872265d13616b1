# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whatever XML a hook is given, its answer is one of the two that it has.

`make soak` tries 200,000 inputs, at random. `make check` tries a few, always
the same, so that this cannot rot and never fails by chance.
"""

import collections

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import mutate
from tests.fuzz.world import CLEAN, World
from tests.support import configfile, soak
from tests.support.hooks import domxmldata

INPUTS = soak.times(3000, 200000)

pytestmark = [pytest.mark.soak, pytest.mark.slow("hundreds of examples")]

# Inputs that are made of one example: what is drawn costs more than to try it.
VARIANTS = 10

KINDS = ("trees", "bytes", "both", "disks", "others", "noise")

tries = settings(
    max_examples=max(INPUTS // (len(KINDS) * VARIANTS), 1),
    suppress_health_check=list(HealthCheck),
)
NAMES = st.sampled_from(domxmldata.names())
OPERATIONS = st.sampled_from(["run", "hotplug", "migrate-in"])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    top = tmp_path_factory.mktemp("fuzz")
    repo_root = top / "data-center"
    repo_root.mkdir()
    config = top / "hook.conf"
    configfile.write(config, repo_root=repo_root, io_timeout=5)
    with World(str(repo_root), str(config)).running() as world:
        world.repo_root = str(repo_root)
        world.by_name = {sample.name: sample for sample in world.samples}
        world.codes = collections.Counter()
        yield world
    print(
        f"\n{sum(world.codes.values())} inputs, by answer: {dict(world.codes)}"
    )


def judge(world, data, operation="run"):
    world.codes[world.check(data, operation)] += 1


def variants(steps):
    return st.lists(steps, min_size=VARIANTS, max_size=VARIANTS)


@pytest.mark.parametrize("name", domxmldata.names())
def test_samples(world, name):
    sample = world.by_name[name]
    data = sample.xml.encode()
    # Without this the rest would prove nothing.
    refused = bool(sample.domains - {CLEAN})
    assert world.must_refuse(data) == refused
    assert bool(world.check(data)) == refused


@tries
@given(NAMES, variants(mutate.TREE_STEPS), st.data())
def test_trees(world, name, plans, data):
    encoding = data.draw(st.sampled_from(mutate.ENCODINGS))
    xml = world.by_name[name].xml
    for plan in plans:
        judge(world, mutate.tree_of(xml, plan, encoding, world.repo_root))


@tries
@given(NAMES, variants(mutate.BYTE_STEPS), OPERATIONS)
def test_bytes(world, name, plans, operation):
    xml = world.by_name[name].xml.encode()
    for plan in plans:
        judge(world, mutate.bytes_of(xml, plan), operation)


@tries
@given(NAMES, mutate.TREE_STEPS, variants(mutate.BYTE_STEPS))
def test_both(world, name, tree, plans):
    xml = world.by_name[name].xml
    data = mutate.tree_of(xml, tree, "utf-8", world.repo_root)
    for plan in plans:
        judge(world, mutate.bytes_of(data, plan))


@tries
@given(variants(st.tuples(st.lists(mutate.TEXTS, max_size=8), OPERATIONS)))
def test_disks(world, plans):
    """VMs of nothing but disks with paths that were made up."""
    for paths, operation in plans:
        steps = [
            ("set", 2 + 2 * n, 0, "x", attribute, path)
            for n, path in enumerate(paths)
            for attribute in mutate.ATTRIBUTES[n % 4 : n % 4 + 1]
        ]
        disks = "<disk><source protocol='gluster'/></disk>" * len(paths)
        xml = f"<domain><devices>{disks}</devices></domain>"
        steps = [(k, h + 1, *rest) for k, h, *rest in steps]
        data = mutate.tree_of(xml, steps, "utf-8", world.repo_root)
        judge(world, data, operation)


@tries
@given(
    variants(
        st.lists(
            st.tuples(st.sampled_from(mutate.OTHERS), mutate.TEXTS), max_size=8
        )
    )
)
def test_others(world, plans):
    """VMs of paths that are made up, and no disk."""
    for plan in plans:
        judge(world, mutate.others_of(plan, world.repo_root))


@tries
@given(variants(st.binary(max_size=100)), st.sampled_from(mutate.TOKENS))
def test_noise(world, plans, token):
    for noise in plans:
        judge(world, token + noise)
