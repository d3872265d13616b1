# SPDX-License-Identifier: GPL-2.0-or-later
"""The CA of an engine, and its certificate."""

import os
import subprocess


def make_ca(directory):
    """A CA, and a certificate of it for localhost: (ca.pem, server.pem)."""
    ca, key, cert = (
        os.path.join(directory, name)
        for name in ("ca.pem", "ca.key", "server.pem")
    )

    def openssl(*args):
        subprocess.run(
            ["openssl", *args], check=True, capture_output=True, cwd=directory
        )

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    new = ("req", "-x509", "-nodes", "-days", "2", *curve)
    openssl(*new, "-keyout", key, "-out", ca, "-subj", "/CN=engine CA")
    name = (
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
    )
    signed = ("-CA", ca, "-CAkey", key)
    server = os.path.join(directory, "server.key")
    openssl(*new, *signed, "-keyout", server, "-out", cert, *name)
    with open(cert, "a") as f, open(server) as k:
        f.write(k.read())
    return ca, cert
