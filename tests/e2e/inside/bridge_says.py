# SPDX-License-Identifier: GPL-2.0-or-later
"""
Waits until a bridge says something of domains in its status:

    python3 -m tests.e2e.inside.bridge_says FILE '{NAME: {FIELD: VALUE}}'

FILE: status.json of the bridge. A domain that is not named, and a field of
one that is, may be anything.
"""

import json
import sys

from tests.support.waiting import wait_until

# Seconds, after which it says in vain what it waits for: nothing takes that
# long.
PATIENCE = 600


def main(path, wanted):
    wanted = json.loads(wanted)

    def said():
        try:
            with open(path) as f:
                domains = {d["name"]: d for d in json.load(f)["domains"]}
        except FileNotFoundError:
            return {}
        return {
            name: {field: domains[name][field] for field in fields}
            for name, fields in wanted.items()
            if name in domains
        }

    wait_until(
        lambda: said() == wanted,
        PATIENCE,
        lambda: f"{wanted}; the bridge says {said()}",
        pause=0.2,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
