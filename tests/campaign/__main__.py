# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs cases of one part, and says what was wrong.

    SEED=17 python -m tests.campaign held 4711
    SEED=17 python -m tests.campaign tool 1 450 --jobs 8

The last line tells the figures, as JSON. Exit code 1: something was wrong.
"""

import argparse
import collections
import json
import resource
import subprocess
import sys
import threading
import time
import traceback

from tests.campaign import hosts, known, plan
from tests.campaign.case import Case
from tests.campaign.judge import judge
from tests.support import programs, soak


class Figures:
    """What became of the cases, to be added up."""

    def __init__(self):
        self.counts = collections.Counter()
        self.wrong = []

    def add(self, other):
        self.counts.update(other["counts"])
        self.wrong += other["wrong"]

    def as_json(self):
        counts = dict(sorted(self.counts.items()))
        return json.dumps({"counts": counts, "wrong": self.wrong})


def main(argv):
    args = _parser().parse_args(argv)
    last = args.last or args.first
    figures = Figures()
    began = time.monotonic()
    if args.jobs > 1:
        _run_jobs(args, last, figures)
    else:
        _run(args, range(args.first, last + 1, args.step), figures)
        figures.counts["seconds"] = round(time.monotonic() - began)
        figures.counts["seconds of CPU"] = round(_cpu())
    print(figures.as_json(), flush=True)
    return 1 if figures.wrong else 0


def _cpu():
    """Seconds of CPU that this process and its children have used."""
    used = map(
        resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return sum(one.ru_utime + one.ru_stime for one in used)


def _parser():
    parser = argparse.ArgumentParser(prog="tests.campaign")
    parser.add_argument("part", choices=plan.PARTS)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int, nargs="?")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--until-wrong", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    return parser


def _run_jobs(args, last, figures):
    """Each job takes one case of so many, and has storage of its own."""
    jobs = [
        programs.start(
            "tests.campaign",
            *(args.part, args.first + number, last, "--step", args.jobs),
            *["--verbose"] * args.verbose,
            env={"SEED": str(soak.seed())},
            stdin=subprocess.DEVNULL,
        )
        for number in range(min(args.jobs, last - args.first + 1))
    ]
    readers = [
        threading.Thread(target=_read_job, args=(job, figures)) for job in jobs
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()


def _read_job(job, figures):
    """Show what it says, but its last line, which has its figures."""
    line = ""
    for next_line in job.stdout:
        if line:
            print(line, end="", flush=True)
        line = next_line
    job.wait()
    try:
        figures.add(json.loads(line))
    except (ValueError, KeyError):
        figures.wrong.append(f"a job ended with {job.returncode}: {line}")


def _run(args, numbers, figures):
    hosts.adopt_orphans()
    with hosts.make(args.part) as place:
        for number in numbers:
            one = plan.draw(args.part, soak.seed(), number)
            wrong, verbose = _run_one(one, place, figures)
            if wrong or args.verbose:
                print(verbose, flush=True)
            for what in wrong:
                print(f"    WRONG: {what}")
            if wrong:
                print(f"    {one.command()}", flush=True)
                figures.wrong.append(f"{one.command()}: {wrong[0]}")
                if args.until_wrong:
                    return


def _run_one(one, place, figures):
    """(what is wrong and not known, a line about it)"""
    counts = figures.counts
    counts["cases"] += 1
    counts[f"{one.kind} {one.action}"] += 1
    counts[f"with {place.backend(one)}"] += one.kind == "file"
    case = Case(one, place)
    try:
        facts = case.run()
        wrong = judge(facts)
    except Exception:
        # Whatever a case runs into is told with the command that repeats it,
        # and the cases after it go on.
        return [traceback.format_exc()], f"{one.part} {one.number}: {one}"
    for what in set(wrong) & known.KNOWN:
        counts[f"known: {what}"] += 1
    counts[f"answer {facts.answer.kind}"] += 1
    counts["faults drawn"] += len(one.faults)
    counts["faults met"] += len(case.faults.met)
    for fault in case.faults.met:
        counts[f"fault {fault.what} {fault.how}".strip()] += 1
    said = f"{facts.answer.kind} {facts.answer.text}".strip()
    line = f"{one.part} {one.number} in {case.seconds:.1f} s: {one}"
    line += f"\n    it said: {said}"
    return [w for w in wrong if w not in known.KNOWN], line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
