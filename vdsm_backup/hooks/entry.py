# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the scripts in hooks/ call: they refuse a VM that would run from a
flagged domain.

VDSM runs a hook as user vdsm with the XML in a file that the environment
names, as JSON or XML (lib/vdsm/common/hooks.py); libvirt runs one as root
with arguments and the XML on stdin (https://libvirt.org/hooks.html), or as the
user of a session, whose VMs are none of VDSM's and go on. Both refuse on any
exit code but 0. VDSM shows stderr to the user; with 2 it runs no script after
ours, whose words would be shown instead.

Two things of the caller are never used: what else is in the environment,
which custom properties of the VM can overwrite, and its standard files,
beyond our one line: a child of ours that is stuck in the kernel would keep
them open, and VDSM waits for their end.

This module imports little: a hook is a process on the way of every start.
"""

import os
import sys
import time

ALLOW = 0
REFUSE = 2

# P_VDSM_RUN and _LAUNCH_FLAGS_FILE in lib/vdsm/common/{constants,hooks}.py
VDSM_RUN = "/run/vdsm"
_LAUNCH_FLAGS = "launchflags"

_XML_FILE = "_hook_domxml"

_OPERATIONS = {
    "before_vm_start": "run",
    "before_vm_dehibernate": "run",
    "before_disk_hotplug": "hotplug",
    "before_vm_migrate_destination": "migrate-in",
}

# Of libvirt's hook "qemu". It calls prepare for every start, also that of a
# VM that is restored or migrates here; then migrate comes before it. Never
# for a VM that runs: reconnect is another one.
_LIBVIRT = {
    ("prepare", "begin"): "run",
    ("migrate", "begin"): "migrate-in",
}


def vdsm(point, config=None, vdsm_run=VDSM_RUN):
    """
    A hook of VDSM; never returns.

    point: the hook point. config: another configuration file than the
    host's. vdsm_run: where VDSM keeps what it knows of running VMs.
    """
    env = _take_environment()

    def answer(hooking, started):
        source = hooking.File(env.get(_XML_FILE), env.get("vmId", ""))
        skip = _Resume(vdsm_run) if point == "before_vm_start" else None
        hook = hooking.Hook(_OPERATIONS[point], config, started)
        return hook.answer(source, skip)

    _run(answer)


def libvirt(config=None):
    """libvirt's hook for qemu; never returns."""
    operation = _LIBVIRT.get(tuple(sys.argv[2:4]))
    if operation is None:
        os._exit(ALLOW)
    _take_environment()
    if 0 not in os.getresuid():
        _let_session_go(operation)

    def answer(hooking, started):
        hook = hooking.Hook(operation, config, started)
        return hook.answer(hooking.Stdin())

    _run(answer)


def _let_session_go(operation):
    """
    Allows, told in the journal; never returns.

    Not root, so libvirt's daemon is not that of qemu:///system, which is root
    (src/qemu/qemu_driver.c: only a privileged driver takes that URI) and runs
    its hooks as itself (src/util/virhook.c); in a user namespace as the root
    of that. It is of a session, in which VDSM runs no VM: libguestfs starts
    its appliance there to seal or sparsify a disk.
    """
    try:
        from vdsm_backup.guard import audit
        from vdsm_backup.text import printable
        from vdsm_backup.vm import domxml

        try:
            xml = sys.stdin.buffer.read(domxml.MAX_XML + 1)
            vm_id = domxml.parse(xml).uuid
        except (OSError, AttributeError, domxml.BadXml):
            # It goes on, whatever it is.
            vm_id = ""
        vm = f"VM {printable(sys.argv[1])}"
        audit.session(vm, vm_id or None, operation, os.getuid())
    except BaseException:
        _log_trace()
    os._exit(ALLOW)


def _take_environment():
    """What the caller has set; from now on we and our children have none."""
    env = dict(os.environ)
    os.environ.clear()
    return env


def _run(answer):
    started = time.monotonic()
    # The caller's says nothing about what we make.
    os.umask(0o022)
    say = _private_stderr()
    try:
        # Here, so that also a fault in it is an answer and no trace.
        from vdsm_backup.hooks import answer as hook_answer

        result = answer(hook_answer, started)
        allowed, text = result.allowed, result.text
    except BaseException as e:
        # Not even the configuration is known, so it is refused.
        allowed = False
        kind = type(e).__name__
        text = f"The hook failed, not because of a flag: {kind} (error 999)"
        _log_trace()
    if text:
        say(text)
    # Not sys.exit: nothing that hangs may hold up who waits for us.
    os._exit(ALLOW if allowed else REFUSE)


def _log_trace():
    """By what cannot be broken with our package."""
    import syslog
    import traceback

    syslog.openlog("vdsm-backup-domain")
    for line in traceback.format_exc().splitlines():
        syslog.syslog(syslog.LOG_ERR, line)


class _Resume:
    """
    Is this the wrong XML of a VM that is about to resume?

    VDSM runs before_vm_start also then, with an XML that is not the one that
    libvirt will use; before_vm_dehibernate gets the right one. Two signs must
    agree, else the VM is judged here too: the XML is of a VM that has run
    (libvirt gave it an id), and VDSM has not written the flags that it writes
    before each real start (Vm._run).
    """

    def __init__(self, vdsm_run):
        self._vdsm_run = vdsm_run

    def __call__(self, vm):
        from vdsm_backup.text import is_uuid

        # A VM of VDSM has one; it becomes a part of a path.
        if not vm.live or not is_uuid(vm.uuid):
            return False
        flags = os.path.join(self._vdsm_run, vm.uuid, _LAUNCH_FLAGS)
        return not os.path.lexists(flags)


def _private_stderr():
    """
    Writes one text where the caller waits for it. From now on nobody, and no
    child, has the caller's stdout and stderr.
    """
    null = os.open(os.devnull, os.O_RDWR)
    try:
        fd = os.dup(2)
    except OSError:
        # The caller has closed it.
        fd = os.dup(null)
    for standard in (1, 2):
        os.dup2(null, standard)

    def say(text):
        try:
            # Without a line end: it would be shown as "\n".
            os.write(fd, text.encode("ascii", "replace"))
        except OSError:
            # Nobody listens; the exit code tells.
            pass

    return say
