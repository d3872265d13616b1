# SPDX-License-Identifier: GPL-2.0-or-later
"""
Where the metadata of a domain is: readers and writers.

    base.py            what can be done with the metadata of one domain
    file.py            metadata of a file domain
    block.py           metadata of a block domain
    unsafe.py          why a VG must not be changed, and the next step
    replacement.py     how a write replaces the metadata file of a file domain
    other_writers.py   the files of other writers, taken away before that
    renaming.py        the rename, and what its errors say
    overwritten.py     what the rename has replaced, if somebody has no lease
    sources.py         what is scanned for domains, and how
    incomplete.py      a file domain that has lost its dom_md
    meant.py           which domain a UUID, its beginning, or a name means
    discovery.py       finds all domains that this host can see
    direct.py          finds and reads one domain by the shortest way
    direct_file.py     reads a file domain there
    lun.py             reads the domain that a LUN is a PV of
    together.py        one scan of all devices that a VM needs
    locate.py          makes a Writer again in the writer process

The layers above use a domain by the interfaces of base.py.
"""
