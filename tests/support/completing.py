# SPDX-License-Identifier: GPL-2.0-or-later
"""The completion of bash by its function: a plugin of pytest."""

import os
import shlex
import shutil
import subprocess

import pytest

from tests import ROOT
from vdsm_backup.cli import completion, parser

SCRIPT = os.path.join(ROOT, "contrib", "bash-completion", parser.PROGRAM)

needs_bash = pytest.mark.skipif(
    shutil.which("bash") is None, reason="bash is not here"
)


@pytest.fixture
def scan(tmp_path):
    """Write the file that list leaves."""

    def write(names):
        (tmp_path / "scan").write_bytes(completion.content(names))

    write({})
    return write


def complete(directory, line, *words):
    """
    What the function offers for a line, of which these are the words as bash
    splits it.
    """
    quoted = " ".join(map(shlex.quote, words or line.split(" ")))
    program = f"""
        source {SCRIPT}
        _vdsm_backup_domain_file={directory}/scan
        compopt() {{ printf 'compopt %s\\n' "$*"; }}
        COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}
        COMP_WORDS=({quoted}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _vdsm_backup_domain
        ((${{#COMPREPLY[@]}} == 0)) || printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        [shutil.which("bash"), "--norc", "-c", program],
        # It finds no program.
        env={"PATH": "", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()
