# SPDX-License-Identifier: GPL-2.0-or-later
"""What VDSM's verb setBackup leaves in the journal and in the history."""

import os

import pytest

from tests.support import outside
from tests.support.vdsm.vdsmhost import Failed
from tests.vdsm.inside import faults, guard, vms
from vdsm_backup.change.history import History

XML = """<domain><devices><disk type='file' device='disk'>
<source file='/rhev/data-center/mnt/server:_x/{sd}/images/i/v'/>
<target dev='vda'/></disk></devices></domain>"""


@pytest.fixture(autouse=True)
def recorded(host):
    host.do(guard.record_journal)


def entries(host):
    """Of changes."""
    told = host.run("say(list(cif.entries)); cif.entries.clear()")[0]
    return [entry for entry in told if "action" in entry]


def brief(entry):
    names = ("action", "result", "before", "after", "code", "priority")
    return tuple(entry[name] for name in names)


def newest(host, sd_id):
    copies, failed = History(host.history).all(sd_id)
    assert failed == []
    return copies[-1]


def fails(host, sd_id, *args):
    with pytest.raises(Failed) as e:
        host.set_backup(sd_id, *args)
    (entry,) = entries(host)
    assert entry["domain"] == sd_id
    return e.value.code, entry


def test_set_and_clear(host, sd):
    host.set_backup(sd[0], True, "nightly copies")
    (entry,) = entries(host)
    assert brief(entry) == ("set", "done", "False", "True", None, 5)
    assert (entry["domain"], entry["name"]) == (sd[0], "data")
    assert (entry["reason"], entry["by"]) == (
        "nightly copies",
        "api@127.0.0.1",
    )
    assert (entry["via"], entry["copy"]) == ("vdsm", 1)
    assert entry["host_id"] == host.host_id
    copy = newest(host, sd[0])
    assert (copy.reason, copy.via) == ("nightly copies", "vdsm")
    assert (copy.result, copy.after, copy.code) == ("done", True, None)

    host.set_backup(sd[0], True, "nightly copies")
    (entry,) = entries(host)
    assert brief(entry) == ("set", "done", "True", "True", None, 5)
    host.set_backup(sd[0], False, "to tape")
    (entry,) = entries(host)
    assert brief(entry) == ("clear", "done", "True", "False", None, 4)
    assert newest(host, sd[0]).result == "done"


def test_refused(host, sd):
    host.do(vms.run_vm, {"name": "web1", "xml": XML.format(sd=sd[0])})
    code, entry = fails(host, sd[0])
    assert code == 975
    assert brief(entry) == ("set", "refused", "False", "False", 975, 4)
    assert "VM web1" in entry["message"]


def test_undone(host, sd):
    host.do(faults.run_vm_when_written, "late", XML.format(sd=sd[0]))
    code, entry = fails(host, sd[0])
    assert code == 989
    assert brief(entry) == ("set", "undone", "False", "False", 989, 4)
    copy = newest(host, sd[0])
    assert (copy.result, copy.after, copy.code) == ("undone", False, 989)


def test_changed_by_somebody_else(host, sd):
    host.do(faults.write_instead, {"BACKUP": "False", "DESCRIPTION": "x"})
    code, entry = fails(host, sd[0])
    assert code == 982
    assert brief(entry) == ("set", "failed", "False", "unknown", 9610, 3)
    copy = newest(host, sd[0])
    assert (copy.result, copy.after, copy.code) == ("failed", None, 9610)


def test_failed(host, sd):
    with open(sd[1], "a") as f:
        f.write("X=Y\n")
    code, entry = fails(host, sd[0])
    assert brief(entry)[1:4] == ("failed", "unknown", "unknown")
    assert (entry["code"], entry["name"]) == (code, "data")


def test_no_history_no_change(host, sd):
    os.chmod(os.path.dirname(host.history), 0o755)
    with open(host.history, "w"):
        code, entry = fails(host, sd[0])
    assert code == 984
    assert brief(entry)[1:4] == ("failed", "False", "False")
    assert not outside.read_flag(sd[1]).value


def test_not_the_spm(host):
    """VDSM's own error is told of, too."""
    sd_id, _ = host.local_domain()
    host.pool(sd_id, spm=False)
    code, entry = fails(host, sd_id)
    assert code == 654
    assert brief(entry) == ("set", "refused", "False", "False", 654, 4)


def test_a_domain_that_is_not_there(host, sd):
    other = sd[0][:-1] + ("0" if sd[0][-1] != "0" else "1")
    code, entry = fails(host, other)
    assert brief(entry)[1:4] == ("failed", "unknown", "unknown")
    assert entry["code"] == code


@pytest.mark.parametrize(
    "arguments", [("neither", "x"), (True, ""), (True, "a\nb"), (True, 5)]
)
def test_arguments_that_make_no_sense(host, sd, arguments):
    with pytest.raises(Failed):
        host.set_backup(sd[0], *arguments)
    assert entries(host) == []


def test_reading_is_not_told(host, sd):
    host.get_backup(sd[0])
    host.info(sd[0])
    assert entries(host) == []
