# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whatever a bridge sends to a host, the command line gets one of four verbs, one
UUID, and texts that were checked, and `clear` only where the host allows it.

`make soak` tries 200,000 inputs, at random; `make check` a few, always the
same.
"""

import collections
import json
import random
import re
import unicodedata

import pytest

from tests.support import configfile, soak
from vdsm_backup import config, errors
from vdsm_backup.bridge import agent

pytestmark = pytest.mark.soak

INPUTS = soak.times(4000, 200_000)

SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
VERBS = ["list", "show", "set", "clear", "verify", "restore", "help", "-h"]
PIECES = [
    *VERBS,
    SD,
    SD[:8],
    SD.upper(),
    " ",
    "  ",
    "\n",
    "\0",
    ";",
    "|",
    "$(id)",
    "`id`",
    "'",
    '"',
    "\\",
    "--by=root",
    "--replace",
    "--config=/tmp/x",
    "../..",
    "\u202e",
    "\x1b[0m",
    "\u0131",
    "\udcff",
]
TEXTS = [
    "Backup box ticked in the engine",
    "anna@internal",
    "AD\\anna",
    "--reason=x",
    "\N{SNOWMAN}",
    *PIECES,
]

# What the command line may get, written down once more.
LIST = ["--json", "list"]
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\Z")
BY = re.compile(r"--by=[\w.@\\-]{1,80} via bridge engine1\Z", re.ASCII)


def command(choices):
    if choices.random() < 0.5:
        text = f"{choices.choice(VERBS)} {SD}"
    else:
        count = choices.randrange(4)
        text = "".join(choices.choice(PIECES) for _ in range(count))
    return mutated(choices, text)


def mutated(choices, text):
    while choices.random() < 0.3:
        at = choices.randrange(len(text) + 1)
        piece = choices.choice([*PIECES, chr(choices.randrange(0x3000))])
        text = text[:at] + piece + text[at + choices.randrange(3) :]
    return text


def value(choices):
    kind = choices.random()
    if kind < 0.8:
        text = mutated(choices, choices.choice(TEXTS))
        return text * choices.choice([1, 1, 1, 1, 50])
    return choices.choice([None, True, 1, 1.5, [], {}, ["x"], {"by": "x"}])


def data(choices):
    if choices.random() < 0.6:
        found = {
            "reason": mutated(choices, "Backup box ticked in the engine"),
            "by": mutated(choices, "anna@internal"),
        }
    else:
        found = {"reason": value(choices), "by": value(choices)}
    if choices.random() < 0.1:
        found[choices.choice(["replace", "expected", "sd", ""])] = True
    if choices.random() < 0.1:
        del found[choices.choice(["reason", "by"])]
    raw = json.dumps(found, ensure_ascii=choices.random() < 0.5)
    raw = raw.encode(
        "utf-8", "surrogateescape" if "\udcff" in raw else "replace"
    )
    while choices.random() < 0.15:
        at = choices.randrange(len(raw) + 1)
        raw = raw[:at] + choices.randbytes(choices.randrange(4)) + raw[at:]
    return raw


def judge(arguments, allowed):
    """The arguments of the command line: are they of the few that may be?"""
    if arguments == LIST:
        assert "list" in allowed
        return "list"
    json_, verb, sd_id, *rest = arguments
    assert json_ == "--json"
    assert verb in allowed
    assert UUID.match(sd_id)
    if verb == "show":
        assert rest == []
        return verb
    assert verb in ("set", "clear")
    reason, by = rest
    assert BY.match(by)
    assert reason.startswith("--reason=")
    text = reason[len("--reason=") :]
    assert 1 <= len(text) <= 200 and text.strip() == text
    for char in text:
        assert char == " " or unicodedata.category(char)[0] not in "CZ"
    return verb


def test_agent(tmp_path):
    choices = soak.choices("agent") if soak.SOAK else random.Random(1)
    options = {}
    for allow in ("show, list, set", "show, list, set, clear", "list", ""):
        path = configfile.write(tmp_path / "conf", bridge_allow=allow)
        options[allow] = config.load(path)
    met = collections.Counter()
    for _ in range(INPUTS):
        allow = choices.choice(list(options))
        text, raw = command(choices), data(choices)
        try:
            request = agent.parse(text)
            agent.require_allowed(request, options[allow])
            if request.verb in agent.CHANGES:
                request = agent.with_object(request, raw, "engine1")
        except errors.Error as e:
            assert e.refusal, (text, raw)
            json.dumps(str(e))
            met[e.name] += 1
            continue
        arguments = request.arguments()
        try:
            met[judge(arguments, allow.split(", "))] += 1
        except AssertionError:
            pytest.fail(f"{text!r} {raw!r} {arguments!r}")
    print(f"\n{INPUTS} inputs, by answer: {dict(met)}")
    assert set(met) == {
        "list",
        "show",
        "set",
        "clear",
        "BridgeRequest",
        "BridgeNotAllowed",
    }
