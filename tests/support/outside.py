# SPDX-License-Identifier: GPL-2.0-or-later
"""
What other hosts do to the metadata file of a domain, behind VDSM's back:
written sealed and by rename, as we and as VDSM write it.
"""

import os

from vdsm_backup.metadata import encoding, flag
from vdsm_backup.metadata import lines as md_lines

FLAG = flag.Flag(
    True, "nightly copies, site A & B", "admin@host1", "2026-11-22T11:40:00Z"
)


def values(metafile):
    """Of metadata that is whole and sealed."""
    with open(metafile, encoding="utf-8") as f:
        md = md_lines.parse(f.read().splitlines())
    assert (md.seal, md.duplicates, md.dropped) == ("valid", (), ())
    return md.values


def read_flag(metafile):
    found = values(metafile)
    return flag.read(found, found["SDUUID"])


def told(stored):
    """What VDSM tells of a flag that is set, and was set where it is."""
    return {
        "backup": True,
        "reason": stored.reason,
        "by": stored.by,
        "since": stored.since,
        "origin": stored.origin,
        "origin_match": "same",
    }


def put_flag(metafile, wanted=FLAG):
    put(metafile, flag.apply(values(metafile), wanted))


def put(metafile, wanted):
    temporary = metafile + ".outside"
    with open(temporary, "wb") as f:
        f.write(encoding.encode_file(md_lines.flush(wanted)))
    st = os.stat(metafile)
    os.chmod(temporary, st.st_mode)
    os.rename(temporary, metafile)
