# SPDX-License-Identifier: GPL-2.0-or-later
"""What rpm and its scriptlets remove, in their order, as strace sees it."""

import os
import re

_UNLINK = re.compile(r'unlink(?:at)?\((?:[^<"]*<([^>]*)>, )?"([^"]+)"')


def command(log):
    """What comes before rpm. log: the path of what paths() reads."""
    strace = ["strace", "-f", "-y", "-qq", "-s", "300", "-o", log]
    # It stops rpm for these calls only.
    strace += ["--seccomp-bpf"]
    return [*strace, "-e", "trace=unlink,unlinkat", "-e", "status=successful"]


def paths(text):
    """The files, in the order in which they were removed."""
    found = _UNLINK.findall(text)
    return [os.path.join(at, name) for at, name in found]
