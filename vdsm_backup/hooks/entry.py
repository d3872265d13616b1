# SPDX-License-Identifier: GPL-2.0-or-later
"""
The hooks, as the scripts in hooks/ call them: a hook refuses a VM that would
run from a flagged domain.

VDSM runs a hook as user vdsm, with the XML in a file that the environment
names (lib/vdsm/common/hooks.py; at other hook points than ours it can be
JSON). It shows the hook's stderr to the user.

libvirt runs a hook with arguments, and the XML on stdin
(https://libvirt.org/hooks.html). The system's libvirt runs it as root. That
of a session runs it as the session's user; VDSM has no VM in a session, so
all VMs there go on.

To both, any exit code but 0 is a refusal. With exit code 2, VDSM runs no
script after ours, whose stderr it would show instead.

Two things that the caller gives us are not used any further:

- The environment, but for the variables named below: custom properties of the
  VM can overwrite it.
- The caller's stdout and stderr, but for our one line on stderr. A child of
  ours that is stuck in the kernel would keep them open, and VDSM waits until
  they are closed.

A hook is a process on the way of every start of a VM, so this module imports
little.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from vdsm_backup.hooks.answer import Answer
    from vdsm_backup.vm.domxml import Vm

# Exit codes.
ALLOW = 0
REFUSE = 2

# P_VDSM_RUN and _LAUNCH_FLAGS_FILE in lib/vdsm/common/{constants,hooks}.py
VDSM_RUN = "/run/vdsm"
_LAUNCH_FLAGS = "launchflags"

# The variables in which VDSM names the file with the XML, and the VM.
_XML_FILE = "_hook_domxml"
_VM_ID = "vmId"

# VDSM's hook points, and operations of guard/policy.py.
_VDSM_OPERATIONS = {
    "before_vm_start": "run",
    "before_vm_dehibernate": "run",
    "before_disk_hotplug": "hotplug",
    "before_vm_migrate_destination": "migrate-in",
}

# Arguments 2 and 3 of libvirt's hook "qemu", and operations of
# guard/policy.py. libvirt calls "prepare", and after that "start", for every
# start of a VM, also for one that is restored or migrates here. For the latter
# it calls "migrate" before. For a VM that runs already it calls "reconnect",
# never these.
#
# The XML of "prepare" is what the VM was defined with, and libvirt has touched
# no storage yet. The XML of "start" also has the backing chains, which libvirt
# has read from the headers of the images by then (qemuProcessPrepareHost() and
# qemuProcessLaunch() in src/qemu/qemu_process.c). qemu runs only after that.
_START = ("start", "begin")
_LIBVIRT_OPERATIONS: dict[tuple[str, ...], str] = {
    ("prepare", "begin"): "run",
    _START: "run",
    ("migrate", "begin"): "migrate-in",
}


def vdsm(
    point: str, config: str | None = None, vdsm_run: str = VDSM_RUN
) -> NoReturn:
    """
    A hook of VDSM. Ends this process.

    point: the hook point. config: another configuration file than the
    host's. vdsm_run: where VDSM keeps what it knows of running VMs.
    """
    env = _take_environment()

    def decide(started: float) -> Answer:
        # Imported here, where _run() makes an answer also of a fault in it.
        from vdsm_backup.hooks.answer import File, Hook

        source = File(env.get(_XML_FILE), env.get(_VM_ID, ""))
        hook = Hook(_VDSM_OPERATIONS[point], config, started, True)
        if point == "before_vm_start":
            return hook.answer(source, lambda vm: _will_resume(vm, vdsm_run))
        return hook.answer(source)

    _run(decide)


def libvirt(config: str | None = None) -> NoReturn:
    """
    libvirt's hook for qemu. Ends this process.

    config: another configuration file than the host's.
    """
    call = tuple(sys.argv[2:4])
    operation = _LIBVIRT_OPERATIONS.get(call)
    if operation is None:
        os._exit(ALLOW)
    _take_environment()
    if 0 not in os.getresuid():
        if call == _START:
            # The journal was told of this VM before, at "prepare".
            os._exit(ALLOW)
        _allow_in_session(operation)

    def decide(started: float) -> Answer:
        # Imported here, where _run() makes an answer also of a fault in it.
        from vdsm_backup.hooks.answer import Hook, Stdin

        return Hook(operation, config, started, True).answer(Stdin())

    _run(decide)


def _allow_in_session(operation: str) -> NoReturn:
    """
    Allow a VM that is in a session of libvirt, and tell the journal. Ends this
    process.

    This process is not root, so its caller is not the daemon of
    qemu:///system. That daemon is root (src/qemu/qemu_driver.c: only a
    privileged driver takes that URI) and runs its hooks as itself
    (src/util/virhook.c); in a user namespace it is the root of that. So the
    caller is the daemon of a session. VDSM runs no VM in a session, but
    libguestfs starts its appliance in one, to seal or sparsify a disk.
    """
    try:
        from vdsm_backup.guard import audit
        from vdsm_backup.text import printable
        from vdsm_backup.vm import domxml

        try:
            xml = sys.stdin.buffer.read(domxml.MAX_XML + 1)
            vm_id = domxml.parse(xml).uuid
        except (OSError, AttributeError, domxml.BadXml):
            # The VM goes on, whatever its XML is.
            vm_id = ""
        vm = f"VM {printable(sys.argv[1])}"
        audit.session(vm, vm_id or None, operation, os.getuid())
    except BaseException:
        _log_trace()
    os._exit(ALLOW)


def _take_environment() -> dict[str, str]:
    """
    The environment that the caller has set. From now on this process and its
    children have none.
    """
    env = dict(os.environ)
    os.environ.clear()
    return env


def _run(decide: Callable[[float], Answer]) -> NoReturn:
    """
    Give the caller an answer, whatever fails. Ends this process.

    decide: called with the time.monotonic() at which the hook began.
    """
    started = time.monotonic()
    # The umask of the caller must not decide the mode of files that we make.
    os.umask(0o022)
    say = _take_stderr()
    try:
        answer = decide(started)
        allowed, text = answer.allowed, answer.text
    except BaseException as e:
        # Nobody knows what the configuration says of faults, so the VM is
        # refused.
        allowed = False
        kind = type(e).__name__
        text = f"The hook failed, not because of a flag: {kind} (error 999)"
        _log_trace()
    if text:
        say(text)
    # sys.exit() would wait for threads that hang, and the caller for us.
    os._exit(ALLOW if allowed else REFUSE)


def _log_trace() -> None:
    """
    Log the traceback of the exception that is being handled. This imports
    nothing of our package, which may be what is broken.
    """
    import syslog
    import traceback

    syslog.openlog("vdsm-backup-domain")
    for line in traceback.format_exc().splitlines():
        syslog.syslog(syslog.LOG_ERR, line)


def _will_resume(vm: Vm, vdsm_run: str) -> bool:
    """
    Whether a VM is about to resume, and this is not the XML that it resumes
    with.

    VDSM runs before_vm_start also for a VM that resumes, with an XML that
    libvirt will not use. After that it runs before_vm_dehibernate, with the
    right one. The VM is let through here only if two signs agree: the XML is
    of a VM that has run (libvirt gave it an id), and VDSM has not written the
    launch flags, which it writes before each real start (Vm._run).
    """
    from vdsm_backup.text import is_uuid

    # A VM of VDSM has a UUID, which becomes a part of a path here.
    if not vm.live or not is_uuid(vm.uuid):
        return False
    flags = os.path.join(vdsm_run, vm.uuid, _LAUNCH_FLAGS)
    return not os.path.lexists(flags)


def _take_stderr() -> Callable[[str], None]:
    """
    A function that writes one text to the caller's stderr. From now on
    neither this process nor a child has the caller's stdout and stderr as its
    own.
    """
    null = os.open(os.devnull, os.O_RDWR)
    try:
        fd = os.dup(2)
    except OSError:
        # The caller has closed it.
        fd = os.dup(null)
    for standard in (1, 2):
        os.dup2(null, standard)

    def say(text: str) -> None:
        try:
            # Without a line end: VDSM would show it as "\n".
            os.write(fd, text.encode("ascii", "replace"))
        except OSError:
            # The caller does not listen, but it sees the exit code.
            pass

    return say
