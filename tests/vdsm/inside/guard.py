# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guard inside VDSM reads and tells, and storage that is stuck."""

import threading
import types

from tests.support import outside
from tests.support.vdsm import inside
from tests.support.waiting import wait_until


def count_reads():
    """How often flags are looked for: cif.reads."""
    from vdsm_backup.plugin import storage

    real, inside.cif.reads = storage.open_domain, []

    def open_domain(sd_id):
        inside.cif.reads.append(sd_id)
        return real(sd_id)

    storage.open_domain = open_domain


def record_journal():
    """What the journal is told: cif.entries."""
    from vdsm_backup.host import journal

    inside.cif.entries = []

    def send(message, priority, path=None, **fields):
        entry = {"message": message, "priority": priority, **fields}
        inside.cif.entries.append(entry)
        return True

    journal.send = send


def wait_for_notes():
    """What the journal is told, it is told in the background."""
    for thread in threading.enumerate():
        if thread.name == "backup-note":
            thread.join()


def break_needs_of_drives():
    from vdsm_backup.plugin import gatekeeper

    def needs_of_drives(drives):
        raise ZeroDivisionError("mine")

    gatekeeper.needs_of_drives = needs_of_drives


def stick(sd_id):
    """Reads of a domain are stuck until cif.go is set: cif.stuck."""
    from vdsm_backup.plugin import metadata

    cif, real = inside.cif, metadata.fresh_lines
    cif.go, cif.stuck = threading.Event(), []

    def fresh_lines(rw):
        if rw._sdUUID == sd_id:
            cif.stuck.append(rw._sdUUID)
            cif.go.wait(100)
        return real(rw)

    metadata.fresh_lines = fresh_lines


def stick_when_prepared(sd_id):
    inside.cif.then, inside.cif.stuck = lambda: stick(sd_id), []


def storm(sd_id, metafile, config):
    """
    100 VMs start; the flag is set when the first one's read runs. How
    many reads there were, the answers but the first, and how many there are.
    """
    from vdsm_backup.plugin import gatekeeper, metadata

    real, reads, answers = metadata.fresh_lines, [], []
    first = threading.Event()
    one = gatekeeper.Gate(config)

    def fresh_lines(rw):
        reads.append(rw)
        first.wait(60)
        return real(rw)

    def start(n):
        ids = {"poolID": "p", "imageID": "i", "volumeID": "v"}
        drive = {"device": "disk", "name": "vda", "domainID": sd_id, **ids}
        try:
            one.require_allowed("run", f"VM {n}", str(n), [drive])
        except Exception as e:
            answers.append(e.code)
        else:
            answers.append(0)

    metadata.fresh_lines = fresh_lines
    threads = [threading.Thread(target=start, args=(n,)) for n in range(100)]
    threads[0].start()
    wait_until(lambda: reads)
    # The read that runs is from before the flag, and before the others.
    outside.put_flag(metafile)
    for thread in threads[1:]:
        thread.start()
    wait_until(lambda: len(gatekeeper._reads._waiting) == 1)
    first.set()
    for thread in threads:
        thread.join()
    return len(reads), sorted(set(answers[1:])), len(answers)


def read_tags_twice():
    """Of a VG, as VDSM's LVM cache has them."""
    from vdsm.storage import lvm

    from vdsm_backup.plugin import storage

    calls, found = [], lvm._lvminfo
    lvm.invalidateVG = lambda *a, **k: calls.append("invalidated")
    found._vgs["sd"] = types.SimpleNamespace(tags=["MDT_BACKUP=old"])
    found._lvs[("sd", "lv")] = "an LV"

    def reload(names):
        calls.append(names)
        return {"sd": types.SimpleNamespace(tags=["MDT_VERSION=5", "x"])}

    found._reloadvgs = reload
    domain = types.SimpleNamespace(sdUUID="sd", domaindir="")
    read = storage.VdsmBlockStorage(domain).read
    return read(), read(), calls, found._lvs[("sd", "lv")]


def children(lvs):
    """Of a volume, by LVs as VDSM's LVM cache has them: [name, tag...]."""
    from vdsm.storage import lvm

    from vdsm_backup.plugin import preview, storage

    def lv(name, *tags):
        fields = dict.fromkeys(lvm.LV._fields, "")
        return lvm.LV(**{**fields, "name": name, "tags": tags})

    found = [lv(*one) for one in lvs]
    lvm.getAllLVs = lambda vg: found if vg == "sd" else []
    storage.is_block = lambda domain: True
    domain = types.SimpleNamespace(sdUUID="sd")
    return list(preview._children(domain, "image", "parent"))
