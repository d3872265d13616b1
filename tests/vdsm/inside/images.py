# SPDX-License-Identifier: GPL-2.0-or-later
"""In place of programs that VDSM runs on images, and machines lack."""

import subprocess
import types


def replace_sparsify():
    """It needs libguestfs, and a file system in the disk."""
    from vdsm import virtsparsify

    def sparsify_inplace(path):
        # The zeros of the file are given back.
        subprocess.run(["fallocate", "--dig-holes", path], check=True)

    virtsparsify.sparsify_inplace = sparsify_inplace


def replace_nbd_units(run_dir):
    """systemd's; VDSM's own arguments are about access."""
    from vdsm.storage import nbd

    servers = {}

    def start(server_id, config):
        socket = nbd._socket_path(server_id)
        command = ["setpriv", "--pdeathsig", "TERM", str(nbd.QEMU_NBD)]
        command += ["--persistent", "--socket", socket, nbd.json_uri(config)]
        servers[nbd._service_name(server_id)] = subprocess.Popen(command)

    def stop(service):
        servers[service].terminate()
        servers[service].wait()

    nbd.RUN_DIR = run_dir
    nbd.start_transient_service = start
    nbd.systemctl = types.SimpleNamespace(
        show=lambda *args, **more: [{"LoadState": "loaded"}], stop=stop
    )


def replace_sysprep(command):
    """It needs a guest that can be sealed. command: of qemu-io."""
    from vdsm import virtsysprep

    def sysprep(vm_id, paths):
        for path in paths:
            subprocess.run(
                ["qemu-io", "-f", "raw", "-c", command, path],
                check=True,
                stdout=subprocess.DEVNULL,
            )

    virtsysprep.sysprep = sysprep
