# SPDX-License-Identifier: GPL-2.0-or-later
"""
Images of a vdsmhost.Host with data in them: a raw base, and on it a qcow2
volume for each snapshot, each of which has written a block of its own.
"""

import os
import subprocess
import tempfile
import uuid
from dataclasses import dataclass

from tests.support.vdsm import vdsmguest as guests

BLOCK = 64 * 1024
# As vdsmguest.volume() makes it.
SIZE = 1024**2

RAW, QCOW2 = "raw", "qcow2"


@dataclass
class Domain:
    sd_id: str
    metafile: str

    def path(self, image, volume):
        images = os.path.join(os.path.dirname(self.metafile), "..", "images")
        return os.path.join(os.path.normpath(images), image, volume)

    def has(self, image):
        return os.path.isdir(self.path(image, ""))


@dataclass
class Image:
    domain: Domain
    id: str
    volumes: list

    def ids(self, sp_id):
        """For verbs of images and of volumes."""
        return {
            "storagepoolID": sp_id,
            "storagedomainID": self.domain.sd_id,
            "imageID": self.id,
        }

    def vol_info(self, volume):
        """For jobs."""
        return {
            "sd_id": self.domain.sd_id,
            "img_id": self.id,
            "vol_id": volume,
        }

    def content(self, volume=None):
        """What a VM would read of a volume, by default of the leaf."""
        volume = volume or self.volumes[-1]
        file_format = RAW if volume == self.volumes[0] else QCOW2
        return content(self.domain.path(self.id, volume), file_format)


def make(host, sp_id, domain, layers):
    """An image with a volume for each layer, a letter that it is full of."""
    image, volumes = str(uuid.uuid4()), []
    for number, layer in enumerate(layers):
        parent = volumes[-1] if volumes else None
        volumes.append(guests.volume(host, sp_id, domain.sd_id, image, parent))
        path = domain.path(image, volumes[-1])
        write(path, QCOW2 if parent else RAW, number, layer)
    return Image(domain, image, volumes)


def expected(layers):
    data = b"".join(layer.encode() * BLOCK for layer in layers)
    return data.ljust(SIZE, b"\0")


def write_command(number, letter):
    """Of qemu-io: a block full of the letter."""
    return f"write -P {ord(letter)} {number * BLOCK} {BLOCK}"


def write(path, file_format, number, letter):
    command = write_command(number, letter)
    run("qemu-io", "-f", file_format, "-c", command, path)


def content(path, file_format):
    with tempfile.NamedTemporaryFile() as f:
        run("qemu-img", "convert", "-f", file_format, "-O", RAW, path, f.name)
        return f.read()


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
