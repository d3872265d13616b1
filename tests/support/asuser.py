# SPDX-License-Identifier: GPL-2.0-or-later
import contextlib
import os


@contextlib.contextmanager
def as_user(uid, gid):
    """This process of root's is another user meanwhile, as the tool is."""
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(os.getuid())
        os.setegid(os.getgid())
