# SPDX-License-Identifier: GPL-2.0-or-later
"""
One host changes the metadata again and again, another one reads it: what
Gluster and CephFS show of files that are replaced by a rename.
"""

import os
import threading
import time

import pytest

from tests.e2e.cluster import ceph, gluster, hosts
from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.cli import readings
from vdsm_backup.host import filesystems
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines

# Seconds of changes; longer until there was one, and one was read. Gluster as
# it is made may be unreadable for as long as it likes, so not for ever.
DURATION = 3
MOST = 60

# After as many seconds a read is unreadable: short on Gluster, to see it.
TIMEOUT = {gluster: 2, ceph: 30}

# Until what was unreadable must be readable again, once nobody changes it.
_END = 120


class Writer(threading.Thread):
    """
    Change number n has n for its reason; `done` is the last one of which it
    was told that it is done. `refused`: a change that could not begin.
    """

    def __init__(self, storage):
        super().__init__()
        self._storage = storage
        self.done = 0
        self.begun = 0
        self.refused = []
        self.errors = []

    def run(self):
        begun = time.monotonic()
        while time.monotonic() < begun + (DURATION if self.done else MOST):
            try:
                lines = self._storage.read()
                self.begun += 1
                self._storage.write(lines, self._changed(lines), _no_step)
                self.done = self.begun
            except errors.MetadataUnreadable as e:
                self.refused.append(str(e))
            except errors.Error as e:
                self.errors.append(f"{e.name}: {e}")
                return

    def _changed(self, lines):
        wanted = flag.Flag(True, str(self.begun))
        return md_lines.flush(flag.apply(md_lines.parse(lines).values, wanted))


def _no_step(step):
    pass


class Reader:
    """
    What one host reads while another one writes. `old`: readings of the state
    before a change that was done when the reading began.
    """

    def __init__(self, storage):
        self._storage = storage
        self.readings = 0
        self.old = 0
        self.unreadable = 0
        self.bad = []

    def look(self, writer):
        done = writer.done
        reading = readings.read(self._storage)
        if isinstance(reading.error, errors.MetadataUnreadable):
            self.unreadable += 1
            return
        if reading.problems or reading.flag.value is not True:
            self.bad.append((reading.flag, list(map(str, reading.problems))))
            return
        self.readings += 1
        self.old += int(reading.flag.reason) < done


def race(kind, both, domain):
    with hosts.as_owner():
        return _race(kind, both, domain)


def _race(kind, both, domain):
    here, there = [
        host.storage(domain, timeout=TIMEOUT[kind]) for host in both
    ]
    lines = here.read()
    values = flag.apply(md_lines.parse(lines).values, flag.Flag(True, "0"))
    here.write(lines, md_lines.flush(values), _no_step)
    writer, reader = Writer(here), Reader(there)
    begun = time.monotonic()
    writer.start()
    while writer.is_alive() or not (reader.readings or reader.bad):
        reader.look(writer)
        if not writer.is_alive() and time.monotonic() > begun + MOST:
            break
    writer.join()
    print(
        f"{writer.done} changes, {len(writer.refused)} refused,"
        f" {reader.readings} readings, {reader.old} of what was before,"
        f" {reader.unreadable} unreadable"
    )
    assert writer.errors == []
    assert reader.bad == []
    return writer, reader


def assert_none_unreadable(writer, reader):
    assert (writer.refused, reader.unreadable, reader.old) == ([], 0, 0)
    assert writer.done and reader.readings


def read_at_last(both, domain):
    with hosts.as_owner():
        storages = [host.storage(domain, timeout=_END) for host in both]
        return [md_lines.require(s.read(), domain.sd_id) for s in storages]


@pytest.mark.parametrize("version", [4, 5])
def test_never_anything_but_unreadable(kind, both, cluster, version):
    domain = hosts.make_domain(both[0], version, f"race{version}", kind)
    writer, reader = race(kind, both, domain)
    if kind is ceph:
        assert_none_unreadable(writer, reader)
        found = read_at_last(both, domain)
    else:
        # Else it may stay unreadable for longer than anybody would wait.
        with cluster.without_caches():
            found = read_at_last(both, domain)
    for md in found:
        assert md.seal == "valid"
        assert md.values[flag.BACKUP] == "True"
        assert writer.done <= int(md.values[flag.REASON]) <= writer.begun


def test_gluster_as_docs_want_it(kind, both, cluster):
    if kind is not gluster:
        pytest.skip("Gluster only")
    domain = hosts.make_domain(both[0], 5, "without", kind)
    assert gluster_state(both[0]) == "note"
    with cluster.without_caches():
        # The mounts learn of it by themselves, but not at once.
        for host in both:
            wait_until(lambda h=host: not caches(h), _END)
        assert gluster_state(both[0]) == "ok"
        assert_none_unreadable(*race(kind, both, domain))


def gluster_state(host):
    """What doctor says of the volume."""
    checks = host.process("--json", "doctor").json["checks"]
    (found,) = [c for c in checks if c["name"] == "gluster 127.0.0.2:data"]
    return found["state"]


def caches(host):
    active = os.path.join(host.mount, ".meta", "graphs", "active")
    return filesystems.to_switch_off(os.listdir(active))
