# SPDX-License-Identifier: GPL-2.0-or-later
"""`set` while a real qemu has something of the domain open."""

import contextlib

from tests.e2e.hooks_test import IMAGE, VOLUME, disk


@contextlib.contextmanager
def qemu(host, path):
    """A VM that was never started: it has its locks all the same."""
    monitor = "/run/qemu-monitor"
    host.run(f"rm -f {monitor}")
    job = host.start(
        "exec qemu-system-x86_64 -S -accel tcg -nodefaults -display none -m 16"
        f" -qmp unix:{monitor},server=on,wait=off"
        f" -drive file={path},format=raw,if=virtio"
    )
    try:
        # It answers once its disks are open.
        host.run(
            ["python3", "-c", _ASK, monitor],
        )
        assert job.running(), job.wait()
        yield
    finally:
        job.kill()
        job.wait()


_ASK = """
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
while s.connect_ex(sys.argv[1]):
    time.sleep(0.2)
s.sendall(b'{"execute": "qmp_capabilities"}')
answers = s.makefile()
answers.readline()
assert "return" in answers.readline()
"""


def test_image_open_on_another_host(host1, host2, all_domains):
    domain = all_domains["nfs4"]
    with disk(host1, domain) as path:
        # As VDSM's VMs, as a user whom the server knows.
        host1.run(f"chmod 666 {path}", user="vdsm")
        with qemu(host1, path):
            refused = host2.tool("set", domain.name, "--reason", "no")
            shown = host2.json("show", domain.name)["domain"]
        done = host2.tool("set", domain.name, "--reason", "yes")
    assert refused.rc == 4
    assert f"image {IMAGE}/{VOLUME} is open for writing by qemu" in refused.err
    assert shown["flag"] is False
    assert done.rc == 0, done
    host2.tool("clear", domain.name, "--reason", "tested", check=0)


def test_lv_open_on_this_host(host1, host2, all_domains):
    domain = all_domains["iscsi5"]
    with disk(host1, domain) as path:
        with qemu(host1, path):
            refused = host1.tool("set", domain.name, "--reason", "no")
            # Another host cannot see it, and says so.
            tried = host2.tool(
                "set", domain.name, "--reason", "x", "--dry-run"
            )
        shown = host2.json("show", domain.name)["domain"]
    assert refused.rc == 4
    assert f"LV {VOLUME} is open on this host" in refused.err
    assert shown["flag"] is False
    assert tried.rc == 0
    assert "not seen: VMs of other hosts" in tried.err + tried.out
