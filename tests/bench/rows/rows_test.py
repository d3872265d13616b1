# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is measured does what its row says, as an installed product. Each test
makes the storage of a row as the bench does.
"""

import contextlib
import os
import shutil

import pytest

from tests import ROOT
from tests.bench import bridge_load, place, product, timing
from tests.bench.row import THIS
from tests.bench.rows import (
    bridge,
    change,
    hang,
    hook,
    hook_block,
    start,
    storm,
)
from tests.support.hooks.needs import needs_fuse, needs_sanlock, slow_to_join
from tests.support.lease import sanlockd
from tests.support.processes import namespace
from tests.support.storage.blocktools import needs_block
from tests.support.storage.hangfs import Hangfs
from vdsm_backup.host import mounts
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines

pytestmark = pytest.mark.skipif(
    bool(namespace.missing()), reason=namespace.missing() or "there can be one"
)

REFUSED = 2


@pytest.fixture
def here():
    with place.make() as made:
        yield made


@pytest.fixture
def stack():
    with contextlib.ExitStack() as made:
        yield made


@pytest.fixture
def this(here):
    return product.Product(THIS, here.path(THIS))


def expect(command, code):
    command.expect = code
    command.sample()


def assert_reads_each(vms, this, row, flag):
    """The hook of a row is refused for the flag of each domain of its VM."""
    command = hook.of_vdsm(this, vms.config, vms.files[row])
    expect(command, 0)
    for domain in vms.domains[row]:
        flag(domain, "True")
        expect(command, REFUSED)
        flag(domain, "False")
    expect(command, 0)


@pytest.mark.slow("40 domains are made, and each VM is judged many times")
def test_the_hooks_read_all_file_domains(here, stack, this):
    vms = hook.Vms(here, stack)
    counts = {row: len(domains) for row, domains in vms.domains.items()}
    assert sorted(counts.values()) == [0, 1, 20, 20]
    points = {d.mount for d in vms.domains[hook.MOUNTS]}
    assert len(points) == 20
    assert points < {mount.point for mount in mounts.table()}
    assert len({d.mount for d in vms.domains[hook.ONE_MOUNT]}) == 1

    def flag_it(domain, value):
        domain.flag(value)

    for row in vms.files:
        if counts[row] < 2:
            assert_reads_each(vms, this, row, flag_it)
    # Of many domains the first and the last one.
    for row in (hook.ONE_MOUNT, hook.MOUNTS):
        vms.domains[row] = vms.domains[row][:: counts[row] - 1]
        assert_reads_each(vms, this, row, flag_it)


@needs_block
def test_the_hooks_read_all_vgs(here, stack, this, monkeypatch):
    monkeypatch.setattr(hook_block, "VGS", 2)
    vms = hook_block.Vms(here, stack)

    def flag_it(domain, value):
        domain.put(md_lines.flush({**domain.values, "BACKUP": value}))

    assert len({d.sd_id for d in vms.domains[hook_block.ALL_VGS]}) == 2
    assert len(set(vms.devices[hook_block.ALL_VGS])) == 2
    assert_reads_each(vms, this, hook_block.ALL_VGS, flag_it)


def test_a_start_has_vdsm_s_hook_and_libvirt_s_two(here, stack, this):
    host = stack.enter_context(here.host("start"))
    (domain,) = here.file_domains(host, 1)
    xml = here.file("xml", hook.xml([domain]))
    commands = start.commands(this, host.cli.config, xml)
    assert len(commands) == 3
    for command in commands:
        expect(command, 0)
    domain.flag("True")
    for command in commands:
        expect(command, REFUSED)


def test_list_shows_all_domains(here, stack, this):
    host = stack.enter_context(here.host("list"))
    domains = here.file_domains(host, 3)
    command = this.cli(host.cli.config, "list")
    command.sample()
    shown = hang.shown(command, [domain.sd_id for domain in domains])
    assert 0 < shown.first <= shown.end
    with pytest.raises(timing.Failed, match="no domain in"):
        hang.shown(command, ["another one"])


@needs_block
def test_list_shows_block_domains(here, stack, this):
    host = stack.enter_context(here.host("list"))
    (vg,) = here.vgs(1)
    host.configure(devices=vg.devices[0])
    assert hang.shown(this.cli(host.cli.config, "list"), [vg.sd_id]).first


@needs_fuse
def test_a_mount_that_hangs_holds_list_up(here, stack, this):
    host = stack.enter_context(here.host("hang", hang.TIMEOUT))
    fs = stack.enter_context(Hangfs())
    mount = here.mount(host.cli, "server:_hung", fs.mount)
    stack.callback(here.unmount, mount)
    host.file_domain(mount=mount)
    (healthy,) = here.file_domains(host, 1)
    config, sd_ids = host.cli.config, [healthy.sd_id]
    shown = hang.shown_while_stuck(this, config, fs, sd_ids)
    assert shown.end >= hang.TIMEOUT
    # All goes on then.
    assert hang.shown(this.cli(config, "list"), sd_ids).first


@pytest.mark.parametrize("library", ["", ROOT])
def test_storm(library):
    said = storm.run(library, 20)
    assert said["slowest"] >= storm.READ
    assert (said["reads"] > 0) == bool(library)
    assert said["reads"] < 20


@slow_to_join
@needs_sanlock
def test_set_and_clear_change_the_flag_each_time(here, stack, this):
    sanlock = stack.enter_context(sanlockd.Host("host1", aio=True))
    domain = change._file(this, here, sanlock, stack)
    sd_id = domain.set.argv[-3]
    (mount,) = (
        os.path.join(top, sd_id)
        for top, names, _ in os.walk(here.path("change-file-this"))
        if sd_id in names and "dom_md" in os.listdir(os.path.join(top, sd_id))
    )

    def flag():
        with open(os.path.join(mount, "dom_md", "metadata"), "rb") as f:
            lines = encoding.decode_file(f.read(), sd_id)
        return md_lines.parse(lines).values.get("BACKUP")

    changing = change.Flag(domain)
    for verb, before, after in (
        ("set", None, "True"),
        ("set", "False", "True"),
        ("clear", "True", "False"),
    ):
        command = changing.prepare(verb)
        assert flag() == before
        command.sample()
        assert flag() == after
    assert sd_id in sanlock.call("lockspaces")


def test_a_copied_product_is_what_runs(here, tmp_path):
    """Another tree beside this one, as installed: with .pyc, and with -I."""
    source = str(tmp_path / "source")
    for name in (product.PACKAGE, "hooks"):
        shutil.copytree(f"{ROOT}/{name}", f"{source}/{name}")
    with open(f"{source}/{product.PACKAGE}/__init__.py", "a") as f:
        f.write('\n__version__ = "77.7"\n')
    other = product.Product("other", here.path("other"), source)
    out = here.path("out")
    command = other.cli("/dev/null", "--version")
    command.argv = ["/bin/sh", "-c", f'"$0" "$@" >{out}', *command.argv]
    command.sample()
    with open(out) as f:
        assert "77.7" in f.read()
    names = [n for _, _, names in os.walk(other.library) for n in names]
    assert sum(n.endswith(".pyc") for n in names) == sum(
        n.endswith(".py") for n in names
    )
    with open(other.hook(hook.POINT, "/dev/null")) as f:
        assert f.readline() == "#!/usr/bin/python3 -IXutf8\n"


def test_of_a_commit(here):
    if not os.path.exists(os.path.join(ROOT, ".git")):
        pytest.skip("this is no checkout of git")
    made = product.of_commit("HEAD", here.path("base"))
    made.cli("/dev/null", "explain", "972").sample()
    with pytest.raises(RuntimeError, match="no product of nonsense"):
        product.of_commit("nonsense", here.path("nonsense"))


def test_a_hook_that_cannot_be_told_its_configuration_is_not_measured():
    text = "import sys\nentry.vdsm('before_vm_start')\n"
    with pytest.raises(RuntimeError, match="0 times"):
        product.installed(text, "before_vm_start", "/l", "/c")


needs_bridge = pytest.mark.skipif(
    bool(bridge.missing()), reason=bridge.missing() or "there can be one"
)


@needs_bridge
@pytest.mark.parametrize("codes", [bridge_load.USUAL, bridge_load.EDITS])
def test_a_bridge_has_to_do_what_its_row_says(
    here, stack, this, monkeypatch, codes
):
    for name, value in (("DOMAINS", 8), ("HOSTS", 6), ("CENTERS", 2)):
        monkeypatch.setattr(bridge_load, name, value)
    for name, value in (("FLAGGED", 2), ("EVENTS", 36000), ("EARLIER", 250)):
        monkeypatch.setattr(bridge_load, name, value)
    load = bridge_load.Load(this, here, stack)
    assert len(load.engine.hosts) == 6
    used = load.run(3, codes)
    assert load.ticked, "and they have become flags"
    assert [len(times) for times in used.lists] == [1, 1]
    assert used.seconds >= 3 and used.cpu > 0 < used.list_cpu
    # Python and the SDK, and ssh to two hosts.
    assert used.memory > 20e6
    kinds = {event.code for event in load.engine.events}
    assert set(codes) <= kinds
    if codes == bridge_load.EDITS:
        assert any(host.calls("show") for host in load.hosts)


def test_events_are_spread_out():
    turn = bridge_load._mixed({1: 4, 2: 2, 958: 1})
    assert turn[0] == 958 and len(turn) == 7
    assert [turn.count(code) for code in (1, 2, 958)] == [4, 2, 1]
    assert 2 in turn[1:4] and 2 in turn[4:]


def test_lists_within_a_time():
    assert bridge_load.most_within([0.0, 301.0, 601.5], 300) == 1
    assert bridge_load.most_within([0.0, 299.0, 302.0, 601.0], 300) == 2
