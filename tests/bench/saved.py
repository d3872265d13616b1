# SPDX-License-Identifier: GPL-2.0-or-later
"""
What was measured, in a file of pyperf, which its own commands read, too:

    .venv/bin/python -m pyperf stats build/bench.json

A benchmark there is a measure of one product, and a run is a round. The CPU
time is a benchmark of its own. The processes of a command, as strace has told
of them, are in the metadata of its benchmark.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from tests.bench import machine
from tests.bench.row import SECONDS, Taken
from tests.bench.traced import Process

_CPU = " (CPU)"
_PROCESSES = "processes"
_LEFT_OUT = "left_out"

# What pyperf knows of the machine and of this Python, and is not about who
# has measured and where.
_ABOUT = (
    "aslr",
    "cpu_config",
    "cpu_count",
    "cpu_freq",
    "cpu_model_name",
    "date",
    "load_avg_1min",
    "perf_version",
    "platform",
    "python_version",
)


class About(NamedTuple):
    """machine: its description. date: when it was measured."""

    machine: str
    date: str


class Saved(NamedTuple):
    """about: of each (product, key)."""

    taken: Taken
    about: dict[tuple[str, str], About]


def missing() -> str:
    """Why nothing can be saved here, or ""."""
    try:
        import pyperf  # noqa: F401
    except ImportError as e:
        return f"{e}: contrib/setup-dev check"
    return ""


def about() -> dict[str, Any]:
    """What is said of the machine; before anything is measured."""
    import pyperf

    found = pyperf.Run([1.0]).get_metadata()
    known = {key: found[key] for key in _ABOUT if key in found}
    return {**known, "machine": machine.describe(known)}


def save(
    taken: Taken, machine_now: dict[str, Any], path: str, keep: bool = False
) -> None:
    """
    Replaces a file that is there. machine_now: of about(). keep: what the file
    has of measures that were not taken now stays.
    """
    import pyperf

    left_out = json.dumps(taken.left_out)
    about = {**machine_now, _LEFT_OUT: left_out}
    benchmarks = []
    for suffix, figures in (("", taken.values), (_CPU, taken.cpu)):
        for (product, key), values in figures.items():
            unit = SECONDS if suffix else taken.units[product, key]
            more = {"name": f"{product}: {key}{suffix}", "unit": unit}
            processes = taken.processes.get((product, key))
            if processes and not suffix:
                more[_PROCESSES] = json.dumps(processes)
            runs = [
                pyperf.Run(
                    [value], metadata={**about, **more}, collect_metadata=False
                )
                for value in values
            ]
            benchmarks.append(pyperf.Benchmark(runs))
    names = {benchmark.get_name() for benchmark in benchmarks}
    if keep:
        for old in pyperf.BenchmarkSuite.load(path).get_benchmarks():
            if old.get_name() not in names:
                old.update_metadata({_LEFT_OUT: left_out})
                benchmarks.append(old)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    pyperf.BenchmarkSuite(benchmarks).dump(path, replace=True)


def load(path: str) -> Saved:
    import pyperf

    taken = Taken()
    abouts = {}
    for benchmark in pyperf.BenchmarkSuite.load(path).get_benchmarks():
        about = benchmark.get_metadata()
        product, _, key = benchmark.get_name().partition(": ")
        values = list(benchmark.get_values())
        if key.endswith(_CPU):
            taken.cpu[product, key[: -len(_CPU)]] = values
        else:
            taken.values[product, key] = values
            taken.left_out = json.loads(about[_LEFT_OUT])
            taken.units[product, key] = benchmark.get_unit()
            abouts[product, key] = About(about["machine"], about["date"])
            if _PROCESSES in about:
                taken.processes[product, key] = [
                    Process(*process)
                    for process in json.loads(about[_PROCESSES])
                ]
    return Saved(taken, abouts)
