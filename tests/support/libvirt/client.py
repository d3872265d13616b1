# SPDX-License-Identifier: GPL-2.0-or-later
"""
Asks a libvirtd one thing, and ends: a call that hangs ends with its process.

    python -m tests.support.libvirt.client '{"uri": URI, "call": NAME, ...}'

All else in the JSON are arguments of the function of that name. It says what
the function returns, or {"error": TEXT}, in JSON.
"""

import json
import sys

import libvirt


def start(conn, xml):
    """Its CPUs stand still: nothing is to run in it."""
    domain = conn.defineXML(xml)
    domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)


def start_again(conn, name):
    """One that has a managed save is restored from it."""
    domain = conn.lookupByName(name)
    domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)


def managed_save(conn, name):
    conn.lookupByName(name).managedSave()


def save(conn, name, path):
    conn.lookupByName(name).save(path)


def restore(conn, path):
    conn.restoreFlags(path, None, libvirt.VIR_DOMAIN_SAVE_PAUSED)


def migrate(conn, name, to, listen):
    """
    to: the URI of the other daemon. listen: that of its qemu.

    The disk is one file for both, which libvirt cannot know.
    """
    flags = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_UNSAFE
    flags |= libvirt.VIR_MIGRATE_PAUSED
    params = {libvirt.VIR_MIGRATE_PARAM_URI: listen}
    domain = conn.lookupByName(name)
    domain.migrate3(libvirt.open(to), params, flags)


def states(conn):
    """{name: whether it is active} of all VMs."""
    return {d.name(): bool(d.isActive()) for d in conn.listAllDomains()}


def remove(conn):
    """All VMs, and what was saved of them."""
    for domain in conn.listAllDomains():
        if domain.isActive():
            domain.destroy()
        if domain.isPersistent():
            domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)


def main(text):
    request = json.loads(text)
    # It would print each error to stderr.
    libvirt.registerErrorHandler(lambda context, error: None, None)
    call = globals()[request.pop("call")]
    try:
        answer = call(libvirt.open(request.pop("uri")), **request)
    except libvirt.libvirtError as e:
        answer = {"error": str(e)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
