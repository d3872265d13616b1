# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs VDSM's own test suites, plain and with the plugin, and prints what
differs. Exit code 1: something differs that explained.json does not explain.

    python -m tests.vdsm_suite CHECKOUT [--root] [PATH...]
"""

import argparse
import collections
import os
import sys

from tests.vdsm_suite import compare, suites

# How often what differs is run again: tests that fail by chance are no
# difference.
AGAIN = 2


def main(argv):
    args = _parser().parse_args(argv)
    checkout = os.path.abspath(args.checkout)
    plain = suites.Run(checkout, root=args.root)
    plugin = suites.Run(checkout, [suites.PLUGIN], root=args.root)
    with plain, plugin:
        results = run([plain, plugin], args.paths)
    found = compare.differences(*results)
    explained = compare.load()
    return tell(results, found, explained)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.vdsm_suite")
    parser.add_argument("checkout", help="of VDSM, after its autogen.sh")
    parser.add_argument(
        "--root",
        action="store_true",
        help="also tests that VDSM marks as root's",
    )
    parser.add_argument("paths", nargs="*", help="below VDSM's tests")
    return parser


def run(runs, paths):
    """[{test: [(outcome, why), ...]} of each run]"""
    results = [collections.defaultdict(list) for _ in runs]
    for chosen in [paths] if paths else list(runs[0].paths()):
        for one, into in zip(runs, results):
            print(f"{' '.join(chosen)[:60]} ...", file=sys.stderr)
            _add(into, one.results(chosen))
    for _ in range(AGAIN):
        tests = [d.test for d in compare.differences(*results)]
        if tests:
            for one, into in zip(runs, results):
                _add(into, one.results_of(tests))
    return results


def _add(into, results):
    for test, result in results.items():
        into[test].append(result)


def tell(results, found, explained):
    for name, result in zip(("plain", "plugin"), results):
        outcomes = collections.Counter(r[-1][0] for r in result.values())
        figures = ", ".join(f"{n} {o}" for o, n in sorted(outcomes.items()))
        print(f"{name}: {figures}")
    for test in compare.unsteady(*results):
        print(f"not always the same: {test}")
    unexplained = 0
    for difference in found:
        why = compare.explanation(difference, explained)
        unexplained += why is None
        print(f"{'explained' if why else 'DIFFERS'}: {difference.text()}")
        if why:
            print(f"    {why}")
    print(f"{len(found)} differ, {unexplained} of them unexplained")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
