# SPDX-License-Identifier: GPL-2.0-or-later
"""
The SDM lease of a domain.

    client      the tool's side: takes the lease by a holder process
    holder      the process that takes the lease, and cleans up after it
    membership  how this host gets into the domain's lockspace, and out of it
    lockspace   what sanlock is asked and told about one domain
    slot        whether the host id to join with is free
    connection  the connection that owns the lease: the fence
    watch       how the holder waits
    local       a local domain, which has no lockspace: a lock of this host
    open_lock   the process that opens the file of that lock

The package reads no storage. It is told which files or LVs sanlock opens.
Both kinds of lease, client.Held and local.Held, have the same attributes: fd,
host_id and check().
"""
