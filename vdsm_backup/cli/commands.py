# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands, as data. parser.py makes a parser of it."""

from __future__ import annotations

from vdsm_backup.cli import values
from vdsm_backup.cli.arguments import (
    ACCEPT_ORIGIN,
    BY,
    DEVICE,
    DRY_RUN,
    HOW,
    MANY_SD,
    MAYBE_SD,
    PATH,
    PATH_TO_CHANGE,
    REASON,
    REPLACE,
    SD,
    TIMEOUT,
    WHY,
    flag,
    option,
)
from vdsm_backup.cli.command import Command
from vdsm_backup.cli.values import not_empty
from vdsm_backup.guard import policy

COMMANDS = (
    Command(
        "list",
        "list",
        "all storage domains that this host can see",
        (flag("--flagged", "only those that are flagged, or may be flagged"),),
        examples=(
            "list --flagged",
            "list --json",
        ),
    ),
    Command(
        "show",
        "show",
        "all about domains: metadata, checksum, flag, who uses them",
        (MANY_SD, PATH, DEVICE),
        examples=(
            "show backups-nfs",
            "show 09990c67 nas1:/export/data",
            "show --path /mnt/replica",
            "show --device /dev/mapper/360014051234",
        ),
    ),
    Command(
        "set",
        "set",
        "make a storage domain a backup domain",
        (SD, REASON, REPLACE, BY, *HOW, ACCEPT_ORIGIN),
        changes=True,
        examples=(
            'set backups-nfs --reason "nightly copies"',
            'set backups-nfs --reason "nightly copies" --dry-run',
            'set backups-nfs --reason "monthly copies" --replace',
        ),
    ),
    Command(
        "clear",
        "set",
        "make a backup domain a normal storage domain again",
        (SD, REASON, BY, *HOW, ACCEPT_ORIGIN),
        changes=True,
        examples=('clear backups-nfs --reason "becomes a domain for VMs"',),
    ),
    Command(
        "verify",
        "verify",
        "find what is wrong with domains: VDSM or a change would fail",
        (MANY_SD, PATH, DEVICE),
        examples=(
            "verify",
            "verify backups-nfs",
            "verify --path /mnt/replica",
        ),
    ),
    Command(
        "check",
        "check",
        "what the guard of this host answers to a VM, or about a domain",
        (
            MAYBE_SD,
            PATH,
            DEVICE,
            option(
                "--operation",
                metavar="OP",
                default="run",
                choices=[row.operation for row in policy.TABLE],
                help="why the domain is wanted, run if nothing is said: "
                + ", ".join(row.operation for row in policy.TABLE),
            ),
            option(
                "--domxml",
                metavar="FILE",
                type=not_empty,
                help="the domain XML of a VM, of libvirt or VDSM; -: read it"
                " from stdin",
            ),
        ),
        becomes_user=False,
        examples=(
            "check backups-nfs",
            "check --domxml vm.xml",
            "check backups-nfs --operation migrate-in",
        ),
    ),
    Command(
        "history",
        "history",
        "copies of the metadata kept on this host before each change",
        (
            MANY_SD,
            option(
                "--show",
                metavar="N",
                type=values.number,
                help="print copy number N",
            ),
            option(
                "--export",
                metavar="N",
                type=values.number,
                help="print the record of copy N, for restore --file",
            ),
            flag("--all", "of all domains that have copies here"),
        ),
        needs_root=True,
        in_part=True,
        examples=(
            "history backups-nfs",
            "history backups-nfs --show 3",
            "history backups-nfs --export 3 >copy.json",
        ),
    ),
    Command(
        "log",
        "log",
        "changes and refusals of this host, by its journal and its history",
        (
            MAYBE_SD,
            option(
                "--since",
                metavar="TIME",
                type=values.since,
                help="since then: 2h, 7d, 2026-11-22, 2026-11-22T11:40:00Z;"
                " without the Z it is local time",
            ),
            option(
                "--vm",
                metavar="UUID",
                type=values.vm_id,
                help="only of this VM",
            ),
            flag("--refused", "only what was refused"),
        ),
        needs_root=True,
        in_part=True,
        examples=(
            "log",
            "log backups-nfs --since 7d",
            'log --vm "$VM" --refused',
        ),
    ),
    Command(
        "restore",
        "restore",
        "put a kept copy of the metadata back",
        (
            SD,
            option(
                "--from",
                dest="number",
                metavar="N",
                type=values.number,
                help="DANGEROUS: copy number N, which takes the flag away if"
                " it has none; only if it is the right one; default: the"
                " newest whole one, unless that could take a flag away",
            ),
            option(
                "--file",
                metavar="FILE",
                type=not_empty,
                help="DANGEROUS: the copy in FILE, which takes the flag away"
                " if it has none; only if it is the right one; history"
                " --export has printed it, on this host or another",
            ),
            *HOW,
        ),
        changes=True,
        becomes_user=False,
        examples=(
            "restore backups-nfs --dry-run",
            "restore backups-nfs --from 3",
            "restore backups-nfs --file copy.json",
        ),
    ),
    Command(
        "reseal",
        "reseal",
        "give metadata that was edited by hand the right checksum again",
        (SD, WHY, PATH_TO_CHANGE, DRY_RUN, TIMEOUT),
        changes=True,
        examples=('reseal backups-nfs --reason "edited by hand" --dry-run',),
    ),
    Command(
        "permit",
        "permit",
        "let one VM use flagged domains on this host, for a time",
        (
            option(
                "--vm",
                metavar="UUID",
                type=values.vm_id,
                help="of the VM: the engine shows it as VM ID",
            ),
            option(
                "--for",
                dest="seconds",
                metavar="TIME",
                type=values.permit_time,
                help="DANGEROUS: the VM may change a backup until then; only"
                " if it must not wait; 30m, 2h, 1d; a VM that runs then runs"
                " on",
            ),
            option(
                "--reason",
                metavar="TEXT",
                help="why: one line, for the journal of this host",
            ),
            flag("--list", "the permits of this host"),
            flag("--revoke", "take the permit of --vm away"),
        ),
        becomes_user=False,
        in_part=True,
        examples=(
            'permit --vm "$VM" --for 2h --reason "a restore is tested"',
            "permit --list",
        ),
    ),
    Command(
        "doctor",
        "doctor",
        "is this host really protected, as each one of its data center has to"
        " be: hooks, plugin, and what they need",
        (
            flag(
                "--vdsm",
                "only whether the plugin fits into the VDSM that is installed",
            ),
        ),
        # A configuration that cannot be used is a finding.
        on_host=False,
        examples=("doctor",),
    ),
    Command(
        "metrics",
        "metrics",
        "what there is to watch on this host, for Prometheus or collectd",
        (
            option(
                "--output",
                metavar="FILE",
                type=not_empty,
                help="write FILE, for the textfile collector of node_exporter;"
                " who reads it gets the old one or the new one",
            ),
            flag("--collectd", "for the exec plugin of collectd"),
        ),
        becomes_user=False,
        examples=(
            "metrics",
            "metrics --output vdsm_backup.prom",
        ),
    ),
    Command(
        "config",
        "config",
        "the options of this host, and the file that each is from",
        (
            option(
                "--show",
                action="store_true",
                required=True,
                help="print all options, as a configuration file",
            ),
        ),
        becomes_user=False,
        in_part=True,
        examples=("config --show",),
    ),
    Command(
        "explain",
        "explain",
        "what an error code means and what to do",
        (
            option(
                "code",
                metavar="CODE",
                nargs="?",
                type=not_empty,
                help="for example 972; without it all codes are listed",
            ),
        ),
        on_host=False,
        examples=(
            "explain 994",
            "explain",
        ),
    ),
    Command(
        "help",
        "",
        "this text, or the help of a command",
        (option("about", metavar="COMMAND", nargs="?"),),
        on_host=False,
    ),
)
