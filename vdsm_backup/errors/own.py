# SPDX-License-Identifier: GPL-2.0-or-later
"""Our own configuration, limits and faults."""

from vdsm_backup.errors.base import Error


class ConfigInvalid(Error):
    """
    The configuration cannot be used.

    An option is unknown, its value makes no sense, or a file or directory of
    the configuration is there and cannot be read; the message names the file.
    Mend it; another configuration can be given with --config. What user vdsm
    cannot read counts for the hooks and for VDSM: until it is mended they
    refuse every VM.
    """

    code = 987
    msg = "Configuration {self.path}, {self.option}: {self.reason}"
    hints = ("options and defaults are in docs/configuration.md",)

    def __init__(self, path, option, reason):
        self.path = path
        self.option = option
        self.reason = reason


class InvalidTag(Error):
    """
    A metadata line does not fit a VG tag.

    Tags are limited to 1024 characters, the limit of older LVM. The line
    belongs to somebody else, so it is not shortened and nothing is written.
    """

    code = 988
    msg = (
        "Metadata key {self.key} needs a tag of {self.length} characters,"
        " 1024 fit"
    )

    def __init__(self, key, length):
        self.key = key
        self.length = length


class WrongUsage(Error):
    """
    The command was not understood.

    Arguments are missing, unknown or exclude each other. Nothing was done.
    """

    code = 990
    wrong_usage = True
    msg = "Wrong usage of {self.program}: {self.problem}"
    hints = ("see: {self.program} --help",)

    def __init__(self, problem, program):
        self.problem = problem
        self.program = program


class InvalidArgument(Error):
    """
    An argument of a verb of VDSM's API makes no sense.

    `backup` and `expected` of StorageDomain.setBackup are true or false; as
    strings, which VDSM's command line client sends, "true" or "false".
    """

    code = 997
    wrong_usage = True
    msg = "Invalid argument {self.argument}: {self.problem}"

    def __init__(self, argument, problem):
        self.argument = argument
        self.problem = problem


class Interrupted(Error):
    """
    The command was interrupted, for example by Ctrl-C.

    If it was changing a domain, look with `show` what the domain has now. The
    lease is given back by a process that Ctrl-C does not end.
    """

    code = 991
    msg = "Interrupted"
    hints = ("a domain that was being changed: vdsm-backup-domain show",)

    def __init__(self):
        pass


class InternalError(Error):
    """
    A fault of ours: please report it with the trace that --debug prints.

    No change is claimed to have been made; look with `show`.
    """

    code = 999
    msg = "Unexpected {self.kind}: {self.text}"
    hints = ("please report it; the domain: vdsm-backup-domain show",)

    def __init__(self, kind, text):
        self.kind = kind
        self.text = text
