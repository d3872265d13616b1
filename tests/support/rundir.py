# SPDX-License-Identifier: GPL-2.0-or-later
"""
Directories of test runs, found again when a run was killed.

Everything a test makes outside its own process (loop devices, mounts,
daemons) is recorded by its file under a run directory. A run that is killed
leaves the directory; the next run sees that its pid is dead and cleans up.
"""

import os
import shutil
import tempfile

# Of each user their own: root would clean up what others put there.
BASE = os.path.join(tempfile.gettempdir(), f"vdsm-backup-tests-{os.getuid()}")


def make(prefix):
    """
    A new directory of this process; others may enter it, since I/O is done
    as other users too. Not below pytest's tmp_path, which is closed to them.
    """
    if not os.path.isdir(BASE):
        os.makedirs(BASE, exist_ok=True)
        os.chmod(BASE, 0o755)
    # Hidden until it says whose it is, or another run would clean it up.
    hidden = tempfile.mkdtemp(prefix=".", dir=BASE)
    os.chmod(hidden, 0o755)
    with open(os.path.join(hidden, "pid"), "w") as f:
        f.write(f"{os.getpid()} {start_time(os.getpid())}")
    path = os.path.join(BASE, f"{prefix}-{os.path.basename(hidden)[1:]}")
    os.rename(hidden, path)
    return path


def stale():
    """Directories whose process is gone."""
    if not os.path.isdir(BASE):
        return []
    names = [n for n in sorted(os.listdir(BASE)) if not n.startswith(".")]
    paths = [os.path.join(BASE, name) for name in names]
    return [path for path in paths if not _alive(path)]


def remove(path):
    shutil.rmtree(path, onerror=_fail_unless_gone)


def _fail_unless_gone(function, path, info):
    # Another run may clean up the same at the same time.
    if not issubclass(info[0], FileNotFoundError):
        raise info[1]


def start_time(pid):
    """Field 22 of /proc/PID/stat: tells a pid from its later namesakes."""
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rpartition(")")[2].split()[19]


def _alive(path):
    try:
        with open(os.path.join(path, "pid")) as f:
            pid, started = f.read().split()
        return start_time(int(pid)) == started
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False
