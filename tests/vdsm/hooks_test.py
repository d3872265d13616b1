# SPDX-License-Identifier: GPL-2.0-or-later
"""VDSM's own code runs our hooks, and what they rely on of it."""

import ast
import inspect
import os
import textwrap

import pytest

from tests.support import rundir
from tests.support.hooks import hookhost, hookrunner, vmxml
from tests.support.hooks.vmxml import VM
from vdsm_backup.hooks import entry

CONF = {"vmId": VM, "custom": {}}
POINTS = list(hookrunner.POINTS)


@pytest.fixture(scope="module")
def host():
    path = rundir.make("vdsm")
    with hookhost.HookHost(path) as host:
        yield host
    rundir.remove(path)


@pytest.fixture(scope="module")
def nfs(host):
    return host.file_domain()


@pytest.fixture
def theirs(monkeypatch, tmp_path, host):
    """vdsm.common.hooks, with our hooks, and a directory for others."""
    from vdsm.common import hooks as theirs

    for point in POINTS:
        os.makedirs(tmp_path / point)
        name = hookrunner.NAME
        os.symlink(
            os.path.join(host.hooks, point, name), tmp_path / point / name
        )
    monkeypatch.setattr(theirs, "P_VDSM_HOOKS", f"{tmp_path}/")
    monkeypatch.setattr(
        theirs,
        "_LAUNCH_FLAGS_PATH",
        os.path.join(host.vdsm_run, "%s", theirs._LAUNCH_FLAGS_FILE),
    )
    return theirs


@pytest.fixture(params=POINTS)
def point(request):
    return request.param


def ask(theirs, point, domain, custom=None, **more):
    data = domain.disk()
    if point != "before_disk_hotplug":
        data = vmxml.vm(domain.disk(), **more).decode()
    conf = {**CONF, "custom": custom or {}}
    return data, getattr(theirs, point)(data, conf)


def refusal(theirs, point, domain, **more):
    """The text of VDSM's error, and the line of ours in it."""
    from vdsm.common import exception

    with pytest.raises(exception.HookError) as caught:
        ask(theirs, point, domain, **more)
    (line,) = caught.value.value
    return str(caught.value), line.decode("ascii")


def test_refused(theirs, point, nfs):
    nfs.flag("True")
    text, line = refusal(theirs, point, nfs)
    hookhost.assert_line(line, 994)
    # The line as it is, between quotes: nothing in it had to be escaped.
    assert text == f"Hook Error: (b'{line}',)"


def test_allowed(theirs, point, nfs):
    """And the XML is as it was."""
    nfs.flag("False")
    given, taken = ask(theirs, point, nfs)
    assert taken == given


def test_text_that_must_be_escaped(theirs, nfs):
    nfs.flag("True", BACKUP_REASON='it\'s "quoted" \\ é \u202e')
    text, line = refusal(theirs, "before_vm_start", nfs)
    assert text in (f"Hook Error: (b'{line}',)", f'Hook Error: (b"{line}",)')


def test_the_same_as_our_runner_says(theirs, point, host, nfs):
    nfs.flag("True")
    data = nfs.disk().encode()
    if point != "before_disk_hotplug":
        data = vmxml.vm(nfs.disk())
    outcome = host.vdsm(point, data, vm_id=VM)
    assert outcome.shown == refusal(theirs, point, nfs)[0]


@pytest.mark.parametrize("mode", ["enforcing", "permissive"])
@pytest.mark.parametrize("flag", ["True", "False"])
def test_the_same_where_a_hook_of_theirs_refuses(
    theirs, point, host, nfs, tmp_path, flag, mode
):
    host.guard(mode=mode)
    nfs.flag(flag)
    text = "#!/bin/sh\necho theirs >&2\nexit 1\n"
    for directory in (str(tmp_path), host.hooks):
        hookrunner.add(directory, point, "50_before", text)
    data = nfs.disk().encode()
    if point != "before_disk_hotplug":
        data = vmxml.vm(nfs.disk())
    try:
        outcome = host.vdsm(point, data, vm_id=VM)
        assert outcome.shown == refusal(theirs, point, nfs)[0]
    finally:
        host.guard()
        os.unlink(os.path.join(host.hooks, point, "50_before"))


def test_custom_properties(theirs, point, nfs):
    nfs.flag("True")
    custom = {"PATH": "/x", "PYTHONPATH": "/x", "vmId": "x", "HOME": "\n"}
    custom["_hook_domxml"] = "/dev/null"
    line = refusal(theirs, point, nfs, custom=custom)[1]
    hookhost.assert_line(line, 994)


@pytest.mark.parametrize("code", [1, 3])
def test_ours_is_shown_of_several(theirs, point, nfs, tmp_path, code):
    """Those before it fail too; those after it do not run."""
    ran = tmp_path / "ran"
    for name, more in (("50_before", ""), ("99_z", f"touch {ran}\n")):
        text = f"#!/bin/sh\n{more}echo theirs >&2\nexit {code}\n"
        hookrunner.add(str(tmp_path), point, name, text)
    nfs.flag("True")
    hookhost.assert_line(refusal(theirs, point, nfs)[1], 994)
    assert not ran.exists()


def test_a_hook_of_theirs_that_ends_the_chain(theirs, nfs, tmp_path):
    """Then ours does not run, and the VM does not start either."""
    text = "#!/bin/sh\necho theirs >&2\nexit 2\n"
    hookrunner.add(str(tmp_path), "before_vm_start", "50_before", text)
    nfs.flag("True")
    assert refusal(theirs, "before_vm_start", nfs)[1] == "theirs\n"


def test_ours_judges_what_theirs_have_made(theirs, nfs, tmp_path):
    """The XML that VDSM will use, not the one that it began with."""
    path = tmp_path / "new"
    path.write_bytes(vmxml.vm(nfs.disk()))
    text = f'#!/bin/sh\ncat {path} > "$_hook_domxml"\n'
    hookrunner.add(str(tmp_path), "before_vm_start", "50_before", text)
    from vdsm.common import exception

    nfs.flag("True")
    with pytest.raises(exception.HookError):
        theirs.before_vm_start(vmxml.vm().decode(), CONF)


def test_launch_flags(theirs, nfs):
    """Written by VDSM's own function, they are seen by our hook."""
    nfs.flag("True")
    ask(theirs, "before_vm_start", nfs, live=True)
    theirs.dump_vm_launch_flags_to_file(VM, 0)
    line = refusal(theirs, "before_vm_start", nfs, live=True)[1]
    hookhost.assert_line(line, 994)
    theirs.remove_vm_launch_flags_file(VM)
    ask(theirs, "before_vm_start", nfs, live=True)


def test_it_is_installed(theirs):
    """For the engine's list of hooks."""
    found = theirs.installed()
    assert {point: list(found[point]) for point in POINTS} == {
        point: [hookrunner.NAME] for point in POINTS
    }


# What hooks/entry.py relies on


def test_paths():
    from vdsm.common import constants
    from vdsm.common import hooks as theirs

    assert os.path.normpath(constants.P_VDSM_RUN) == entry.VDSM_RUN
    flags = os.path.join(entry.VDSM_RUN, VM, entry._LAUNCH_FLAGS)
    assert theirs._LAUNCH_FLAGS_PATH % VM == flags
    # Where `make install-hooks` puts ours.
    hooks_dir = os.path.normpath(constants.P_VDSM_HOOKS)
    assert hooks_dir == "/usr/libexec/vdsm/hooks"


def calls(function):
    """Names of the functions of `hooks` that it calls, by order of lines."""
    source = textwrap.dedent(inspect.getsource(function))
    found = [
        (node.lineno, node.func.attr)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "hooks"
    ]
    return [name for _, name in sorted(found)]


def test_order_of_a_start_and_a_resume():
    """
    A resume runs before_vm_start and then before_vm_dehibernate, and writes
    no launch flags; a start writes them before its before_vm_start, and
    removes them after it.
    """
    virt_vm = pytest.importorskip("vdsm.virt.vm")
    found = calls(virt_vm.Vm._run)
    resume = found.index("before_vm_dehibernate")
    assert found[: resume + 1] == ["before_vm_start", "before_vm_dehibernate"]
    rest = [name for name in found[resume + 1 :] if "device" not in name]
    assert rest == [
        "dump_vm_launch_flags_to_file",
        "before_vm_start",
        "load_vm_launch_flags_from_file",
        "after_vm_start",
        "remove_vm_launch_flags_file",
    ]


def test_other_hooks_that_get_what_we_judge():
    """Where VDSM calls the points that we have."""
    virt_vm = pytest.importorskip("vdsm.virt.vm")
    assert "before_disk_hotplug" in calls(virt_vm.Vm.hotplugDisk)
    source = inspect.getsource(virt_vm)
    for point, number in (
        ("before_vm_start", 2),
        ("before_vm_dehibernate", 1),
        ("before_disk_hotplug", 1),
        ("before_vm_migrate_destination", 1),
    ):
        assert source.count(f"hooks.{point}(") == number
