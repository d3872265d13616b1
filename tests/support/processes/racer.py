# SPDX-License-Identifier: GPL-2.0-or-later
"""
A process that sets and clears the flag of a domain at random, by all of the
product but its parser. The one thing that is otherwise: other hosts are in
the lockspace all the time, so that none has to join for each change, and all
meet at the SDM lease.
"""

import json
import sys

from tests.support import attempts, soak
from vdsm_backup import config, errors
from vdsm_backup.change import change
from vdsm_backup.change.request import Request
from vdsm_backup.cli.wiring import HostWorld
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage import discovery


class Racing(HostWorld):
    def _request(self, *args):
        return super()._request(*args)._replace(require_alone=False)


def race(conf, sd_id, name, rounds, world=Racing):
    """
    world: a kind of Racing. Says what became of each call:
    {"from": reason before, "to": reason after} or {"refused": class name}.
    """
    options = config.load(conf)
    storage, _ = discovery.Discovery(options).find(sd_id)
    choices = soak.choices("race", name)
    for number in range(rounds):
        action = choices.choice(["set", "clear"])
        request = Request(action, reason=f"{name}-{number}-{action}")
        attempt = attempts.begin(storage, action, request.reason)
        here = world(storage, options, None, lambda text: None, attempt)
        try:
            change.change(storage, request, here)
        except errors.Error as e:
            _say({"refused": e.name, "text": str(e)})
            continue
        copies = here.history
        kept = copies.get(sd_id, copies.numbers(sd_id)[-1])
        before = md_lines.parse(kept.lines).values.get(flag.REASON)
        _say({"from": before, "to": request.reason})


def explain(changes, reason=None):
    """
    The changes in the one order that explains them: each began with what the
    one before it wrote, the first one with `reason`.
    """
    after = {}
    for one in changes:
        assert one["from"] not in after, "a write was lost"
        after[one["from"]] = one["to"]
    order = []
    while reason in after:
        reason = after.pop(reason)
        order.append(reason)
    assert not after, f"not explained: {after}"
    return order


def _say(value):
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    race(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
