# SPDX-License-Identifier: GPL-2.0-or-later
"""The XML of a VM, as far as the hooks look at it."""

VM = """\
<domain type='kvm'>
  <name>web1</name>
  <uuid>15ee163a-9500-58e8-bc79-c2363b6b1bc8</uuid>
  <devices>{disks}</devices>
</domain>
"""

_FILE = """
    <disk type='file' device='disk'>
      <source file='{path}'/><target dev='{dev}' bus='virtio'/>
    </disk>
"""

_BLOCK = _FILE.replace("type='file'", "type='block'").replace("file=", "dev=")


def vm(*paths):
    """A VM that has these disks."""
    disks = ""
    for letter, path in zip("abcdef", paths):
        form = _BLOCK if path.startswith("/dev/") else _FILE
        disks += form.format(path=path, dev=f"vd{letter}")
    return VM.format(disks=disks)
