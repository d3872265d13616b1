# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in a package."""

import io
import subprocess
import tarfile

# Of rpm itself, in every package.
_RPMLIB = "rpmlib("


def rpm(path, *args):
    command = ["rpm", "-qp", "--nosignature", *args, path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout


def lines(path, *args):
    return rpm(path, *args).splitlines()


def scriptlets(path):
    """{name: text}"""
    found = {}
    tags = "PREIN POSTIN PREUN POSTUN PRETRANS POSTTRANS VERIFYSCRIPT".split()
    for tag in tags:
        text = rpm(path, "--qf", "%{" + tag + "}")
        if text != "(none)":
            found[tag] = text
    return found


def requires(path):
    return {x for x in lines(path, "--requires") if not x.startswith(_RPMLIB)}


def files(path):
    """{path: (mode, owner:group, flags)}, as rpm shows them."""
    form = "%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME}"
    form = f"[{form} %{{FILEFLAGS:fflags}} %{{FILENAMES}}\\n]"
    found = {}
    for line in lines(path, "--qf", form):
        mode, owner, flags, name = line.split(" ")
        found[name] = (mode, owner, flags)
    return found


def contents(path):
    """{path: bytes} of the regular files."""
    with open(path, "rb") as f:
        done = subprocess.run(
            ["rpm2archive", "-"], stdin=f, capture_output=True, check=True
        )
    found = {}
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        for member in tar:
            if member.isfile():
                name = "/" + member.name.lstrip("./")
                found[name] = tar.extractfile(member).read()
    return found
