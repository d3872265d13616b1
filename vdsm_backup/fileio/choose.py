# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of the two backends does the file I/O of a mount."""


from vdsm_backup import errors


def open(choice, name, timeout):
    """
    A new FileIO. `choice` is the option [storage] ioprocess: "auto" takes
    ioprocess where it can be imported. `name` is for messages and logs,
    `timeout` is in seconds, for each call.

    Raises Closed if the child cannot be started.
    """
    if choice == "embedded":
        return _embedded(name, timeout)
    try:
        from vdsm_backup.fileio.ioprocess import InstalledFileIO
    except ImportError as e:
        if choice == "auto":
            return _embedded(name, timeout)
        raise errors.ConfigInvalid("in use", "[storage] ioprocess", str(e))
    return InstalledFileIO(name, timeout)


def _embedded(name, timeout):
    from vdsm_backup.fileio.worker_client import EmbeddedFileIO

    return EmbeddedFileIO(name, timeout)
