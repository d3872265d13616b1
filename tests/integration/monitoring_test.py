# SPDX-License-Identifier: GPL-2.0-or-later
"""
What docs/monitoring.md says, with the programs that it is about: promtool,
collectd, sos.
"""

import glob
import os
import re
import shutil
import subprocess
import tarfile

import pytest

from tests import ROOT
from tests.support import testhost
from tests.support.clifixtures import A
from tests.support.hooks.needs import needs_command
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.waiting import wait_until
from vdsm_backup.cli import measurements

pytest_plugins = ["tests.support.clifixtures"]

CONTRIB = os.path.join(ROOT, "contrib")
RULES = os.path.join(CONTRIB, "prometheus")
COLLECTD = os.path.join(CONTRIB, "collectd", "vdsm-backup.conf")
SOS = os.path.join(CONTRIB, "sos", "vdsm-backup")


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


def document():
    return read("docs", "monitoring.md")


# The document


def test_it_lists_all_families():
    shown = re.findall(r"^\| `(vdsm_backup_\w+)` ", document(), re.M)
    assert shown == list(measurements.FAMILIES)


def test_it_lists_all_alerts():
    alerts = re.findall(
        r"- alert: (\w+)", read("contrib/prometheus/vdsm-backup-alerts.yml")
    )
    assert re.findall(r"^\| `(VdsmBackup\w+)` ", document(), re.M) == alerts


def test_it_shows_the_configuration_of_collectd():
    text = re.sub("(?m)^#.*\n", "", read("contrib/collectd/vdsm-backup.conf"))
    shown = "".join(f"    {line}\n" for line in text.splitlines())
    assert shown in document()


def test_it_names_the_file_of_the_service():
    unit = read("contrib/systemd/vdsm-backup-domain-metrics.service")
    path = re.search("^Environment=OUTPUT=(.*)$", unit, re.M)[1]
    text = document()
    assert f"<{path}\n" in text
    assert f"mkdir -p {os.path.dirname(path)}\n" in text
    assert f"--collector.textfile.directory={os.path.dirname(path)}\n" in text


# Alerts


@needs_command("promtool")
@pytest.mark.parametrize("command", ["check rules", "test rules"])
def test_alerts(command, tmp_path):
    """The commands of the document, where the files are."""
    (line,) = re.findall(rf"^    (promtool {command} .*)$", document(), re.M)
    done = subprocess.run(
        line.split(), cwd=RULES, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


@pytest.mark.slow("promtool reads all rules once for each of them")
@needs_command("promtool")
def test_each_alert_is_tested(tmp_path):
    """That it fires, and that it does not: without its rule a test fails."""
    shutil.copytree(RULES, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "vdsm-backup-alerts.yml"
    text = path.read_text()
    tests = (tmp_path / "vdsm-backup-alerts-test.yml").read_text()
    command = ["promtool", "test", "rules", "vdsm-backup-alerts-test.yml"]
    for name in re.findall(r"- alert: (\w+)", text):
        assert f"alertname: {name}, exp_alerts: []" in tests
        path.write_text(text.replace(f"alert: {name}\n", "alert: Another\n"))
        done = subprocess.run(command, cwd=tmp_path, capture_output=True)
        assert done.returncode != 0, name


def test_alerts_name_families_that_there_are():
    text = read("contrib/prometheus/vdsm-backup-alerts.yml")
    named = set(re.findall(r"\bvdsm_backup_\w+", text))
    assert named <= set(measurements.FAMILIES)
    unnamed = set(measurements.FAMILIES) - named
    assert unnamed == {measurements.SINCE}


# collectd


@pytest.fixture
def collecting(directory):
    """
    A file of collectd that has ours in it, and writes what it gets as CSV. It
    starts the command by a script, as user nobody: collectd runs none of root.
    """
    host = testhost.Host(os.path.join(directory, "host"))
    with host:
        host.domain(sd_id=A, name="one", BACKUP="True")
        os.chmod(directory, 0o755)
        text = host.process("metrics", "--collectd").out
        assert text.startswith("PUTVAL ")
        script = os.path.join(directory, "command")
        shown = os.path.join(directory, "values")
        # What user nobody may read. The name of the host is collectd's.
        with open(shown, "w") as f:
            f.write(re.sub(r'PUTVAL "[^/]+/', 'PUTVAL "host1/', text))
        with open(script, "w") as f:
            f.write('#!/bin/sh\n[ "$*" = "metrics --collectd" ] || exit 9\n')
            f.write(f"cat {shown}\n")
        os.chmod(script, 0o755)
        with open(COLLECTD) as f:
            ours = f.read()
        ours = ours.replace("/usr/bin/vdsm-backup-domain", script)
        ours = ours.replace("vdsm:systemd-journal", "nobody")
        ours = ours.replace("Interval 300", "Interval 1")
        path = os.path.join(directory, "collectd.conf")
        with open(path, "w") as f:
            f.write(
                f'Hostname "host1"\nInterval 1\nBaseDir "{directory}"\n'
                f'PIDFile "{directory}/pid"\nLoadPlugin logfile\n'
                f'LoadPlugin csv\n<Plugin csv>\nDataDir "{directory}/csv"\n'
                "</Plugin>\n<Plugin logfile>\nLogLevel info\n"
                f'File "{directory}/log"\n</Plugin>\n{ours}'
            )
        yield path


@needs_command("collectd")
def test_collectd_takes_the_configuration(tmp_path):
    """
    By -T: collectd 5.12 does not even open the file for -t, and exits with 0.
    """
    assert "\n    collectd -T\n" in document()
    path = tmp_path / "collectd.conf"
    # A name of this machine that nobody resolves is no matter of ours.
    head = "FQDNLookup false\n"
    path.write_text(head + read("contrib/collectd/vdsm-backup.conf"))

    def complaints():
        command = ["collectd", "-T", "-C", path]
        for _ in range(5):
            done = subprocess.run(command, capture_output=True, text=True)
            # On a busy machine it can crash when it ends, all being said.
            if done.returncode >= 0:
                break
        said = [x for x in done.stderr.splitlines() if COMPLAINT.search(x)]
        return done.returncode, said

    assert complaints() == (0, [])
    path.write_text(path.read_text().replace("</Plugin>", ""))
    assert complaints()[0] != 0
    path.write_text(head + read(COLLECTD).replace(' Exec "', ' Exek "'))
    assert complaints() == (0, ["exec plugin: Unknown config option `Exek'."])


# Of a configuration; it also tells what it starts and stops, in no order.
COMPLAINT = re.compile("config|Error|[Pp]arse")


@needs_command("collectd")
@pytest.mark.skipif(os.getuid() != 0, reason="only root starts it so")
def test_collectd_gets_the_values(collecting, directory):
    with open(os.path.join(directory, "out"), "w") as out:
        process = subprocess.Popen(
            ["collectd", "-f", "-C", collecting], stdout=out, stderr=out
        )
    try:
        base = os.path.join(directory, "csv", "host1")
        flagged = os.path.join(base, f"vdsm_backup-{A}", "gauge-flagged-*")
        wait_until(lambda: rows(flagged), what="values of collectd")
        assert {value for _, value in rows(flagged)} == {1.0}
        for name in ("guard_mode-enforcing", "places_unreadable"):
            found = os.path.join(base, "vdsm_backup", f"gauge-{name}-*")
            wait_until(lambda found=found: rows(found), what=name)
    finally:
        process.terminate()
        process.wait()
    with open(os.path.join(directory, "log")) as f:
        assert "[error]" not in f.read()


def rows(pattern):
    found = []
    for path in glob.glob(pattern):
        with open(path) as f:
            lines = [x.split(",") for x in f.read().splitlines()[1:]]
        found += [(float(time), float(value)) for time, value in lines]
    return found


# sos


@needs_command("sos")
@needs_namespace
@pytest.mark.slow("sos looks at the whole machine first")
def test_sos_takes_what_the_file_names(tmp_path):
    """A real report, of this one plugin."""
    with Namespace() as ns:
        extras = tmp_path / "extras.d"
        shutil.copytree(os.path.dirname(SOS), extras)
        etc = tmp_path / "vdsm-backup"
        (etc / "conf.d").mkdir(parents=True)
        (etc / "vdsm-backup.conf").write_text("# mine\n")
        (etc / "conf.d" / "site.conf").write_text("# of the site\n")
        tools = tmp_path / "bin"
        tools.mkdir()
        command = tools / "vdsm-backup-domain"
        command.write_text('#!/bin/sh\necho "asked: $*"\n')
        command.chmod(0o755)
        # /etc and /usr/bin of the namespace only.
        ns.run("sh", "-ec", OVERLAYS)
        ns.run("cp", "-r", str(etc), "/etc/vdsm-backup")
        ns.run("cp", str(command), "/usr/bin")
        ns.run("mkdir", "-p", "/etc/sos")
        ns.run("rm", "-rf", "/etc/sos/extras.d")
        ns.run("cp", "-r", str(extras), "/etc/sos/extras.d")
        out = tmp_path / "out"
        out.mkdir()
        done = subprocess.run(
            [*ns.enter(), "sos", "report", "--batch", "--only-plugins"]
            + ["sos_extras", "--tmp-dir", out, "--name", "t"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    (archive,) = glob.glob(f"{out}/*.tar.*[!56]")
    with tarfile.open(archive) as tar:
        files = {
            member.name.partition("/")[2]: tar.extractfile(member).read()
            for member in tar
            if member.isfile()
        }
    assert files["etc/vdsm-backup/vdsm-backup.conf"] == b"# mine\n"
    assert files["etc/vdsm-backup/conf.d/site.conf"] == b"# of the site\n"
    said = b"".join(
        v for k, v in files.items() if k.startswith("sos_commands")
    )
    for line in open(SOS):
        if line.startswith("vdsm-backup-domain "):
            asked = line.partition(" ")[2].strip()
            assert f"asked: {asked}\n".encode() in said


OVERLAYS = """
mkdir -p /run/overlays/etc /run/overlays/etcw /run/overlays/bin \\
    /run/overlays/binw
for name in etc bin; do
    top=/$name
    [ $name = etc ] || top=/usr/bin
    mount -t overlay overlay $top -o \\
lowerdir=$top,upperdir=/run/overlays/$name,workdir=/run/overlays/${name}w
done
"""


def test_commands_for_sos_are_understood():
    from vdsm_backup.cli import parser

    commands = re.findall(
        r"^vdsm-backup-domain (.*)$", read("contrib/sos/vdsm-backup"), re.M
    )
    assert len(commands) > 4
    for command in commands:
        parser.parse(command.split())
