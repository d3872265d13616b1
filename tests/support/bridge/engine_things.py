# SPDX-License-Identifier: GPL-2.0-or-later
"""What an engine has: what a test says of it, and changes."""

import uuid


class StorageDomain:
    def __init__(self, name, data_center=None, status="active", **more):
        self.id = str(uuid.uuid4())
        self.name = name
        self.data_center = data_center
        self.status = status
        self.backup = False
        self.comment = ""
        self.description = ""
        self.type = "data"
        self.master = False
        self.storage_type = "nfs"
        self.vm_runs = False
        self.warning = 10
        vars(self).update(more)


class DataCenter:
    def __init__(self, name, status="up"):
        self.id = str(uuid.uuid4())
        self.name = name
        self.status = status
        self.cluster_id = str(uuid.uuid4())


class Host:
    def __init__(self, name, data_center, **more):
        self.id = str(uuid.uuid4())
        self.name = name
        self.data_center = data_center
        self.address = f"{name}.example.com"
        self.status = "up"
        self.spm = "none"
        self.ssh_port = 22
        self.ssh_user = "root"
        self.public_key = "ssh-ed25519 AAAA"
        self.fingerprint = "SHA256:abc"
        #: {event name: {script name: checksum}}
        self.hooks = {}
        vars(self).update(more)


class Event:
    def __init__(self, index, code, when, **more):
        self.index = index
        self.code = code
        #: In milliseconds since the epoch.
        self.time = when
        self.user = ""
        self.domain = None
        self.correlation = ""
        self.description = "something"
        self.origin = "oVirt"
        self.custom_id = -1
        self.severity = "normal"
        self.dismissed = False
        #: The event is there already, and others do not see it yet.
        self.late = False
        vars(self).update(more)
