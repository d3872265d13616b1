# SPDX-License-Identifier: GPL-2.0-or-later
"""
Keys of bridges on a host, by the role of contrib/ansible: a real sshd lets in
whom it should, to the real agent and nothing else. keys.py has the host. That
the whole role lets them in, and its removal shuts them out, is in
ansible_role_test.py.
"""

import pytest

from tests.support import rundir
from tests.support.ansible.keys import AGENT, OF_THE_ENGINE, KeyHost
from tests.support.ansible.managed import role
from tests.support.bridge import sshd
from tests.support.hooks.needs import needs_command
from tests.support.processes.namespace import needs_namespace

pytest_plugins = [
    "tests.support.packages.packagefixtures",
    "tests.support.ansible.ansiblefixtures",
]
pytestmark = [
    needs_namespace,
    needs_command("ssh"),
    needs_command(sshd.SSHD),
    pytest.mark.slow("Ansible takes seconds for a role, rpm for a package"),
]

LET_IN = "Let the bridges in"
REMOVED = "Remove keys that are no longer those of their bridges"
DIRECTORY = "Make the directory of the keys"


@pytest.fixture(scope="module")
def directory():
    """Short, since sockets of ssh are in it."""
    made = rundir.make("keys")
    yield made
    rundir.remove(made)


@pytest.fixture(scope="module")
def host(managed_host, directory):
    with KeyHost(managed_host, directory) as made:
        yield made


def bridge(name, key=None, **more):
    return {"name": name, **({"key": key} if key else {}), **more}


def bridges(*listed):
    return role("bridges", bridges=list(listed))


def line(name, key, more=""):
    return f'restrict,{more}command="{AGENT} --name {name}" {key}'


def out_of_use(key):
    """As an admin keeps a line that was once in use."""
    return f"# {line('engine1', key)}"


class Kept:
    """
    What each stage has left. plays: {name: Play}. keys: lines of the file.
    asked: {name of a key: answer}.
    """

    def __init__(self, host, ansible, plays, *options, asks=()):
        self.plays = host.plays(ansible, plays, *options)
        self.keys = host.keys()
        self.modes = host.modes()
        self.asked = {name: host.asks(name) for name in asks}

    def __getitem__(self, name):
        return self.plays[name]


# Each stage is a fixture, in their order; see ansible_role_test.py.


@pytest.fixture(scope="module")
def one(host):
    return host.new_key("one") + " root@engine1"


@pytest.fixture(scope="module")
def other(host):
    return host.new_key("other")


@pytest.fixture(scope="module")
def checked(host, newest_ansible, one):
    plays = {"let in": bridges(bridge("engine1", one))}
    return Kept(host, newest_ansible, plays, "--check", "--diff", asks=["one"])


@pytest.fixture(scope="module")
def let_in(host, old_ansible, checked, one):
    # As lookup('file') of a file with two ends of lines.
    task = bridges(bridge("engine1", one + "\n"))
    plays = {"let in": task, "again": task}
    return Kept(host, old_ansible, plays, asks=["one"])


WRONG = {
    "two lines": ("engine1", "{key}\nssh-rsa AAAA"),
    "no key": ("engine1", "ssh-ed25519"),
    "options": ("engine1", 'command="sh" {key}'),
    "name": ('engine1" x', "{key}"),
    "long": ("e" * 65, "{key}"),
    "nothing": ("engine1", ""),
    "from": ("engine1", "{key}"),
}


@pytest.fixture(scope="module")
def refused(host, newest_ansible, let_in, one, other):
    plays = {}
    for what, (name, key) in WRONG.items():
        more = {"from": '*",pty,from="*'} if what == "from" else {}
        plays[what] = bridges(bridge(name, key.format(key=other), **more))
    plays["one key"] = bridges(bridge("a", other), bridge("b", other))
    plays["one name"] = bridges(bridge("a", other), bridge("a", one))
    plays["another bridge"] = bridges(bridge("engine9", one))
    return Kept(host, newest_ansible, plays)


@pytest.fixture(scope="module")
def without_agent(host, newest_ansible, refused, other):
    """Somebody has put the key there by ssh-copy-id."""
    before = host.keys()
    host.put_keys("\n".join([*before, out_of_use(other), other, ""]))
    plays = {"let in": bridges(bridge("engine2", other))}
    found = Kept(host, newest_ansible, plays)
    host.put_keys("\n".join([*before, out_of_use(other), ""]))
    return found


@pytest.fixture(scope="module")
def changed(host, newest_ansible, without_agent, one, other):
    """Another key for the same bridge, and one with another name."""
    far = host.new_key("far")
    plays = {
        "rotated": bridges(
            bridge("engine1", other, **{"from": "127.0.0.1,192.0.2.7"}),
            bridge("far", far, **{"from": "192.0.2.1"}),
        ),
        "renamed": bridges(
            bridge("engine1", state="absent"),
            bridge("engine3", other, state="present"),
        ),
    }
    asks = ["one", "other", "far"]
    return Kept(host, newest_ansible, plays, "--diff", asks=asks)


@pytest.fixture(scope="module")
def removed(host, newest_ansible, changed):
    gone = bridges(bridge("engine3", state="absent"))
    plays = {"gone": gone, "again": gone}
    return Kept(host, newest_ansible, plays, asks=["other"])


def test_check_changes_nothing_and_predicts(checked):
    assert checked.keys == [OF_THE_ENGINE]
    assert checked.modes == (("755", "0", "0"), ("644", "0", "0"))
    assert checked.asked == {"one": None}
    found = checked["let in"]
    assert found.failed == []
    assert found.changed == [DIRECTORY, LET_IN]
    assert f'+restrict,command="{AGENT} --name engine1" ssh-' in found.text


def test_the_bridge_is_let_in(let_in, one):
    found = let_in["let in"]
    assert found.failed == [] and found.changed == [DIRECTORY, LET_IN]
    assert let_in.keys == [OF_THE_ENGINE, line("engine1", one)]
    assert let_in.modes == (("700", "0", "0"), ("600", "0", "0"))
    # By the agent and the command of the package.
    answer = let_in.asked["one"]
    assert (answer["schema"], answer["domains"]) == (1, [])


def test_again_nothing_changes(let_in):
    found = let_in["again"]
    assert found.failed == [] and found.changed == [], str(found)


def test_the_key_is_for_nothing_else(host, let_in):
    answer = host.asks("one", "id; list")
    assert answer["error"]["name"] == "BridgeRequest"


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_line_of_a_key_is_refused(refused, let_in, name):
    found = refused[name]
    assert found.failed == ["Refuse what the agent or sshd would not take"]
    assert found.changed == []


def test_a_name_or_a_key_twice(refused, let_in):
    for name in ("one key", "one name"):
        found = refused[name]
        assert found.failed == ["Refuse two bridges with one name or one key"]
        assert found.changed == []
    assert refused.keys == let_in.keys


def test_the_key_of_another_bridge(refused):
    found = refused["another bridge"]
    assert found.changed == []
    assert found.failed == [
        "Refuse a key that is let in without the agent, or as another bridge"
    ]
    assert "on another line, too" in " ".join(found.text.split())


def test_a_key_that_is_let_in_without_the_agent(without_agent, other):
    """sshd would take that line: the bridge would be root."""
    found = without_agent["let in"]
    assert found.changed == [] and len(found.failed) == 1
    assert f"Remove it: {other}" in " ".join(found.text.split())
    assert other in without_agent.keys


def test_a_new_key_takes_the_place_of_the_old_one(changed):
    found = changed["rotated"]
    assert found.failed == [] and found.changed == [REMOVED, LET_IN]
    assert changed.asked["one"] is None


def test_a_bridge_gets_another_name(changed, other):
    found = changed["renamed"]
    assert found.failed == [] and found.changed == [REMOVED, LET_IN]
    ours = [x for x in changed.keys if AGENT in x and "--name e" in x]
    assert ours == [out_of_use(other), line("engine3", other)]
    assert changed.asked["other"]["schema"] == 1


def test_from_where_it_comes(changed):
    """sshd refuses another address. The play after it does not list `far`."""
    (found,) = [x for x in changed.keys if "--name far" in x]
    assert found.startswith('restrict,from="192.0.2.1",command="')
    assert changed.asked["far"] is None


def test_other_lines_stay(changed, removed, other):
    for stage in (changed, removed):
        assert stage.keys[0] == OF_THE_ENGINE
        assert out_of_use(other) in stage.keys


def test_a_key_is_removed(removed):
    assert removed["gone"].failed == []
    assert removed["gone"].changed == [REMOVED]
    assert removed["again"].changed == removed["again"].failed == []
    assert removed.asked["other"] is None
    assert [x for x in removed.keys if "engine3" in x] == []
