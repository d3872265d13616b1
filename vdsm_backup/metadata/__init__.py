# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is on storage: the metadata of a storage domain. Pure: no module here
touches a file, a device or a socket.

    lines.py      lines KEY=value, and the checksum that seals them
    encoding.py   the lines as a file, and as the tags of a VG
    flag.py       the backup flag among them
    domain.py     the checked metadata of one domain; sizes of its leases
    origin.py     where the domain was when the flag was set
"""
