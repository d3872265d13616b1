# SPDX-License-Identifier: GPL-2.0-or-later
"""doctor says of file domains what verify says."""

import json
import os
import shutil

from tests.support import programs, rundir, testhost
from tests.support.hooks.needs import needs_other_user
from tests.support.storage import harms
from tests.support.verifyfixtures import A

pytest_plugins = ["tests.support.verifyfixtures"]


def test_doctor_says_the_same(host, dom_md):
    harms.zeroed(os.path.join(dom_md, "ids"))
    shutil.rmtree(os.path.join(host.mount, A, "images"))
    checks = host.json("doctor").json["checks"]
    found = {c["state"]: c for c in checks if c["name"] == f"domain {A}"}
    assert "error 9620: ids of " in found["bad"]["text"]
    assert "explain 9620" in found["bad"]["hint"]
    assert found["note"]["text"] == "it has no directory images"
    assert "domains" not in {c["name"] for c in checks}


def test_doctor_says_what_was_looked_at(host, dom_md):
    checks = host.json("doctor").json["checks"]
    (found,) = [c for c in checks if c["name"] == "domains"]
    assert found["state"] == "ok"
    assert found["text"].startswith("looked at: metadata, ")


@needs_other_user
def test_as_another_user_than_vdsm():
    """Only root, and VDSM, may read ids and leases."""
    directory = rundir.make("doctor")
    path = os.path.join(directory, "host")
    with testhost.Host(path, user=36, group=36) as host:
        sd_id = host.domain(5, owner=(36, 36))
        for name in ("ids", "leases", "xleases"):
            os.chmod(os.path.join(host.mount, sd_id, "dom_md", name), 0o660)
        closed = host.domain(5, owner=(36, 36))
        path = os.path.join(host.mount, closed)
        os.chown(path, 36, 36)
        os.chmod(path, 0o700)
        nobody = programs.run(
            "vdsm_backup",
            *["--config", host.config, "--json", "doctor"],
            inside=["setpriv", "--reuid=65534", "--clear-groups"],
        )
        told = json.loads(nobody.stdout)["checks"]
        found = [c for c in told if c["name"] == f"domain {sd_id}"]
        assert {c["state"] for c in found} == {"unknown"}
        texts = " ".join(c["text"] for c in found)
        for area in ("ids", "leases", "xleases"):
            assert f"{area} was not looked at: Permission denied" in texts
        assert "owners and modes were not looked at" in texts
        (found,) = [c for c in told if c["name"] == f"domain {closed}"]
        assert found["state"] == "unknown"
        states = {c["name"]: c["state"] for c in told}
        for name in ("sudo", "configuration", "sanlock", "killed runs"):
            assert states[name] == "unknown", name
        assert {c["hint"] for c in told if c["name"] == "sudo"} == {
            "sudo vdsm-backup-domain doctor"
        }
    rundir.remove(directory)


def test_two_mounts_of_one_domain_are_told_once(host, dom_md):
    host.add_mount("twin:_data", target=host.mount)
    checks = host.json("doctor").json["checks"]
    found = [c for c in checks if c["name"] == f"domain {A}"]
    (twice,) = [c for c in found if "error 957: " in c["text"]]
    assert twice["state"] == "bad"
    assert "server:_data" in twice["text"] and "twin:_data" in twice["text"]


def test_domain_and_place_that_cannot_be_read(host, dom_md):
    """Neither is known to be wrong: it cannot be looked at."""
    os.unlink(os.path.join(dom_md, "metadata"))
    path = os.path.join(host.repo, "mnt", "broken")
    os.symlink("x" * 300, path)
    checks = host.json("doctor").json["checks"]
    found = {c["name"]: c for c in checks}
    for name in (f"domain {A}", f"storage {path}"):
        assert found[name]["state"] == "unknown"
    assert "error 992: " in found[f"domain {A}"]["text"]
    assert "domains" not in found
    # Either may be flagged.
    assert found["VMs"]["state"] == "unknown"
    assert path in found["VMs"]["text"] and A in found["VMs"]["text"]


def test_link_that_leads_nowhere_is_a_note(host, dom_md):
    path = os.path.join(host.repo, "mnt", "left")
    os.symlink("/nonexistent", path)
    checks = host.json("doctor").json["checks"]
    (found,) = [c for c in checks if c["name"] == f"storage {path}"]
    assert found["state"] == "note"
    assert "leads nowhere" in found["text"]
