# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guard inside VDSM reads, and a VM that it is asked for."""

import pytest

from tests.support.vdsm import vdsmvms
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines

ONE = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
TWO = "6f7a2e3b-0d58-4c1f-9e2a-4b8c0d1e3f52"
XML = f"""<domain><devices>
<disk device='disk'><target dev='vda'/>
<source file='/rhev/data-center/mnt/server:_x/{ONE}/images/i/v'/></disk>
<disk device='cdrom'><target dev='sdc'/>
<source file='/rhev/data-center/mnt/server:_x/{TWO}/images/i/v'/></disk>
<disk device='disk'><target dev='vdb'/>
<source file='/home/somebody/{TWO}/v'/></disk>
<lease><lockspace>{TWO}</lockspace></lease>
</devices></domain>"""


class World:
    """Flags on storage, by domain; an error is raised. `reads` so far."""

    def __init__(self):
        self.flags = {}
        self.reads = []

    def lines(self, sd_id):
        self.reads.append(sd_id)
        value = self.flags.get(sd_id, False)
        if isinstance(value, Exception):
            raise value
        values = {"VERSION": "5", "SDUUID": sd_id, "DESCRIPTION": sd_id[:4]}
        if value:
            set_by = flag.Flag(True, reason="why", by="me", since="now")
            values = flag.apply(values, set_by)
        return md_lines.flush(values)


def refusal(call, *args, **kwargs):
    with pytest.raises(vdsmvms.VdsmException) as e:
        call(*args, **kwargs)
    return e.value
