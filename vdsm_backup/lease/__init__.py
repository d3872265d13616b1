# SPDX-License-Identifier: GPL-2.0-or-later
"""
The SDM lease of a domain.

    request.py        which lease, and how to get it
    client.py         the tool's side: takes the lease by a holder process
    holder.py         the process that takes the lease, and cleans up after it
    membership.py     how this host gets into the domain's lockspace and out
    same_storage.py   whether another path leads to the same lockspace
    hosts.py          which other hosts of the lockspace may be alive
    lockspace.py      what sanlock is asked and told about one domain
    slot.py           whether the host id to join with is free
    connection.py     the connection that owns the lease: the fence
    left_behind.py    the process that tells what killed runs have left
    watch.py          how the holder waits
    ondisk.py         what sanlock and VDSM have on storage for leases
    local.py          a local domain has no lockspace: a lock of this host
    open_lock.py      the process that opens the file of that lock

The package reads no storage. It is told which files or LVs sanlock opens.
Both kinds of lease, client.Held and local.Held, have what a write needs: fd,
check() and is_certain(), see Held in change/write.py.
"""
