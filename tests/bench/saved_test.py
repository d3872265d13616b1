# SPDX-License-Identifier: GPL-2.0-or-later
"""What is saved can be read again, also by pyperf."""

import socket
import sys

import pytest

from tests import ROOT
from tests.bench import plots, saved
from tests.bench.groups import ROWS, SHOWN
from tests.bench.row import BYTES, COUNT, FLOOR, THIS, Taken
from tests.bench.traced import Process

needs_pyperf = pytest.mark.skipif(
    bool(saved.missing()), reason=saved.missing() or "it is there"
)
needs_matplotlib = pytest.mark.skipif(
    bool(plots.missing()), reason=plots.missing() or "it is there"
)

PROCESSES = [
    Process(1, "hook", "hook a", 0.0, 0.5, 85),
    Process(2, "lvm", "lvm pvs", 0.1, 0.4),
]


def figures():
    taken = Taken()
    taken.values = {
        (THIS, "hook, 1 VG"): [0.03, 0.02],
        (THIS, "memory"): [9500000],
        (THIS, "starts"): [3],
        (FLOOR, "empty hook"): [0.01, 0.02],
    }
    taken.cpu = {(THIS, "hook, 1 VG"): [0.015, 0.01]}
    taken.units = dict.fromkeys(taken.values, "second")
    taken.units[THIS, "memory"] = BYTES
    taken.units[THIS, "starts"] = COUNT
    taken.left_out = {"plugin": "no VDSM"}
    taken.processes = {(THIS, "hook, 1 VG"): PROCESSES}
    return taken


@needs_pyperf
def test_figures_are_kept(tmp_path):
    taken, path = figures(), str(tmp_path / "new" / "bench.json")
    saved.save(taken, saved.about(), path)
    saved.save(taken, saved.about(), path)
    found = saved.load(path)
    assert found.taken.values == taken.values
    assert found.taken.cpu == taken.cpu
    assert found.taken.units == taken.units
    assert found.taken.processes == taken.processes
    assert found.taken.left_out == taken.left_out
    assert found.about.keys() == taken.values.keys()
    for about in found.about.values():
        assert "CPUs" in about.machine and "LVM " in about.machine


@needs_pyperf
def test_figures_that_were_not_measured_again_are_kept(tmp_path):
    taken, path = figures(), str(tmp_path / "bench.json")
    before = {**saved.about(), "date": "2026-11-01", "machine": "another"}
    saved.save(taken, before, path)
    again = Taken()
    again.values = {(THIS, "hook, 1 VG"): [0.5], (THIS, "bridge"): [1.0]}
    again.units = dict.fromkeys(again.values, "second")
    saved.save(again, saved.about(), path, keep=True)
    found = saved.load(path)
    assert found.taken.values == {**taken.values, **again.values}
    assert found.taken.left_out == {}
    machines = {key: about.machine for key, about in found.about.items()}
    assert machines[THIS, "memory"] == "another"
    assert "another" not in (
        machines[THIS, "hook, 1 VG"],
        machines[THIS, "bridge"],
    )


@needs_pyperf
def test_nothing_is_kept_of_who_has_measured_and_where(tmp_path):
    path = tmp_path / "bench.json"
    saved.save(figures(), saved.about(), str(path))
    text = path.read_text()
    for private in (sys.executable, ROOT, "hostname", socket.gethostname()):
        assert f'"{private}"' not in text


@needs_pyperf
def test_pyperf_reads_them(tmp_path):
    import pyperf

    path = str(tmp_path / "bench.json")
    saved.save(figures(), saved.about(), path)
    suite = pyperf.BenchmarkSuite.load(path)
    assert suite.get_benchmark("this: hook, 1 VG").get_nvalue() == 2
    assert suite.get_benchmark("this: memory").get_unit() == "byte"


@needs_matplotlib
def test_plots_are_drawn(tmp_path):
    taken = Taken()
    for row in [*ROWS, *SHOWN]:
        taken.values[THIS, row.key] = [1.0, 2.0]
        for key in row.of:
            taken.values[FLOOR, key] = [1.0]
        taken.processes[THIS, row.key] = PROCESSES
    plots.draw(taken, THIS, str(tmp_path))
    for name in plots.NAMES:
        assert (tmp_path / name).read_bytes()[1:4] == b"PNG"


def test_points_are_in_order_and_in_milliseconds():
    taken = Taken()
    taken.values = {(THIS, "b"): [0.02, 0.01, 0.03], (THIS, "a"): [0.001]}
    keys = [(200, "b"), (50, "a"), (100, "not measured")]
    assert plots.points(taken, THIS, keys) == [(50, 1.0), (200, 20.0)]


def test_steps_begin_with_the_command():
    assert plots.steps(PROCESSES[::-1]) == [
        ("the command", 0.0, 500.0),
        ("lvm pvs", 100.0, pytest.approx(300.0)),
    ]
