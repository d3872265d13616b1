# SPDX-License-Identifier: GPL-2.0-or-later
"""
The backup flag of oVirt storage domains, on the storage itself.

    errors.py         every error: one class a code
    text.py           text from outside, harmless to show
    record.py         values with named fields
    prometheus.py     values as Prometheus reads them
    config.py         the options of this host
    config_values.py  their values, checked
    config_in_part.py without the files that cannot be used, to show the rest
    config_files.py   the files that set them
    config_plain.py   the text of one of these, as most are
    config_parser.py  the text of any
    metadata/         what is on storage
    processes/        how our processes and threads run
    host/             this host, without touching storage
    fileio/           file I/O that can hang
    lvm/              LVM limited to some devices
    storage/          where the metadata of a domain is
    lease/            the SDM lease
    vm/               what a VM uses
    users/            who uses a domain
    guard/            may a VM do this
    change/           changing the flag
    hooks/            VDSM's and libvirt's hooks
    plugin/           inside VDSM
    doctor/           is this host protected
    verify/           whether a domain can be used
    bridge/           the Backup box in the engine, and the flag
    cli/              the command line; wiring.py puts the world together
    __main__.py       python3 -m vdsm_backup: the command line

CONTRIBUTING.md says which may import which.
"""

__version__ = "0.1.0"
