# SPDX-License-Identifier: GPL-2.0-or-later
"""
A file of the configuration cannot be used. What only shows something shows the
rest, and says so; whatever decides or changes something does nothing.
"""

import os

import pytest

from tests.support.configfixtures import ENFORCING
from tests.support.hooks import permitfile
from tests.support.hooks.permitfile import needs_root
from vdsm_backup import config, config_in_part, errors
from vdsm_backup.cli import parts
from vdsm_backup.host import journalctl

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
VM = "1bd9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
WHY = ["--reason", "nightly copies"]

# All of these have a configuration that somebody has named.
REFUSES = (
    "until that is mended hooks that use this configuration refuse all VMs"
)
STOPS = (
    "no hook reads this, but until that is mended no change is made, and no"
    " bridge is let in"
)

# {text of the drop-in: (what is said of it, the consequence)}
BAD = {
    "x\n": ("no section [..] before line 1", REFUSES),
    "[gard]\nmode = permissive\n": ("unknown section [gard]", REFUSES),
    "[guard]\nmod = permissive\n": ("unknown option [guard] mod", REFUSES),
    "[guard]\nmode = permisive\n": ("'permisive' is none of", REFUSES),
    "[storage]\nuser = nosuch\n": ("'nosuch' is unknown", REFUSES),
    "[vdsm]\nport = x\n": ("'x' is no number", STOPS),
}


@pytest.fixture
def write(host):
    """A function: (name, text) -> path of a new drop-in."""
    os.makedirs(host.drop_ins)

    def write(name, text):
        path = os.path.join(host.drop_ins, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    return write


@pytest.fixture
def journal(monkeypatch):
    empty = journalctl.Reading([], 0, [])
    monkeypatch.setattr(journalctl, "read", lambda *args: empty)


def value(done, option):
    (found,) = [o for o in done.json["options"] if o["option"] == option]
    return found["value"], found["file"]


@pytest.mark.parametrize("text", BAD)
def test_config(host, write, text):
    good = write("60-good.conf", "[sanlock]\nsettle = 7\n")
    bad = write("50-bad.conf", f"{text}[sanlock]\ntimeout = 5\n")
    done = host.json("config", "--show")
    assert done.code == 3
    error, instead, consequence = done.json["notes"]
    assert error.startswith(f"error 987: Configuration {bad}")
    assert BAD[text][0] in error
    assert consequence == BAD[text][1]
    of_hooks = (
        ", by what hooks read of this one" if consequence == STOPS else ""
    )
    assert instead == (
        f"what is shown is by the other files{of_hooks}, and by defaults"
    )
    assert value(done, "settle") == ("7", good)
    assert value(done, "mode") == ("enforcing", None)
    # Hooks go by the file, or refuse all VMs.
    shown = ("5", bad) if of_hooks else ("180", None)
    assert value(done, "timeout") == shown
    done = host.run("config", "--show")
    assert done.code == 3
    assert "\nsettle = 7\n" in done.out
    notes = [f"note: {x}\n" for x in (error, instead, consequence)]
    hint = "hint: see the options and defaults: man 5 vdsm-backup.conf\n"
    assert done.err == "".join([*notes, hint])


@pytest.mark.parametrize("wrong", ["allow = show, lst", "alow = show"])
def test_what_hooks_read_beside_it(host, write, wrong):
    """They go by it, so it is shown."""
    bad = write("50.conf", f"[guard]\nmode = permissive\n[bridge]\n{wrong}\n")
    options = config.load(host.config, config.OF_GUARD)
    assert options.guard_mode == "permissive"
    done = host.json("config", "--show")
    assert (done.code, value(done, "mode")) == (3, ("permissive", bad))
    assert done.json["notes"][-1] == STOPS


def test_several_bad_files(host, write):
    """Whichever value would count."""
    bad = [write(f"{n}.conf", "[guard]\nmode = permisive\n") for n in (61, 62)]
    good = write("60.conf", "[guard]\nmode = permissive\n")
    done = host.json("config", "--show")
    named = [n.split("Configuration ")[1] for n in done.json["notes"][:2]]
    assert sorted(n.partition(",")[0] for n in named) == bad
    assert value(done, "mode") == ("permissive", good)


def test_a_bad_value_that_a_later_file_replaces_is_none(host, write):
    write("50.conf", "[guard]\nmode = permisive\n[sanlock]\nsettle = 7\n")
    write("60.conf", "[guard]\nmode = permissive\n")
    write("70.conf", "[sanlock]\ntimeout = x\n")
    done = host.json("config", "--show")
    assert len(done.json["notes"]) == 3
    assert "70.conf" in done.json["notes"][0]
    assert value(done, "settle")[0] == "7"


def test_directory_that_cannot_be_used(host):
    """The files in it are not known."""
    with open(host.drop_ins, "w"):
        pass
    done = host.json("config", "--show")
    assert done.code == 3
    assert f"Configuration {host.drop_ins}: " in done.json["notes"][0]
    assert value(done, "repo_root") == (host.repo, host.config)


@pytest.mark.parametrize("text", ["x\n", "[gard]\n", "[guard]\nmode = x\n"])
def test_the_file_that_was_named(host, text):
    """Whoever has named it wants nothing of the host's own."""
    with open(host.config, "w") as f:
        f.write(text)
    for command in (["config", "--show"], ["log"], ["permit", "--list"]):
        assert host.json(*command).error == 987
    os.unlink(host.config)
    assert host.json("config", "--show").error == 987


@pytest.mark.parametrize("text", BAD)
def test_log_and_history(host, write, journal, text):
    host.domain(sd_id=A, name="data1")
    assert host.run("set", A, *WHY).code == 0
    write("50.conf", text)
    for command in (["log"], ["log", "data1"]):
        done = host.json(*command)
        assert (done.code, len(done.json["entries"])) == (3, 1)
        # How far a name is certain stands before it.
        assert BAD[text][0] in done.json["notes"][len(command) - 1]
        done = host.run(*command)
        assert done.code == 3 and "nightly copies" in done.out
        assert BAD[text][0] in done.err
    for command in (["history", A], ["history", "--all"]):
        done = host.json(*command)
        assert done.code == 3 and BAD[text][0] in done.json["notes"][0]
        done = host.run(*command)
        assert done.code == 3 and "  set  " in done.out
        assert BAD[text][0] in done.err


@needs_root
@pytest.mark.parametrize("text", BAD)
def test_permits(host, write, text):
    permitfile.write(host.permits, VM, permitfile.expired(VM))
    write("50.conf", text)
    done = host.json("permit", "--list")
    assert (done.code, len(done.json["permits"])) == (3, 1)
    assert BAD[text][0] in done.json["notes"][0]
    done = host.run("permit", "--list")
    assert (done.code, f"VM {VM}: expired\n" in done.out) == (3, True)
    assert BAD[text][0] in done.err
    before = os.listdir(host.permits)
    make, revoke = (
        host.json("permit", *command)
        for command in (
            ["--vm", A, "--for", "2h", *WHY],
            ["--vm", VM, "--revoke"],
        )
    )
    if BAD[text][1] == STOPS:
        # Hooks go by permits, so they can be made and taken back.
        assert (make.code, revoke.code) == (0, 0)
        assert os.listdir(host.permits) == [f"{A}.json"]
    else:
        # Nobody knows where it is to be.
        assert (make.error, revoke.error) == (987, 987)
        assert os.listdir(host.permits) == before


@pytest.mark.parametrize("text", BAD)
def test_all_else_does_nothing(host, write, text):
    host.domain(sd_id=A, name="data1")
    write("50.conf", text)
    before = host.bytes(A)
    for command in (
        ["list"],
        ["show", A],
        ["verify"],
        ["check", A],
        ["metrics"],
        ["set", A, *WHY],
        ["clear", A, *WHY],
        ["restore", A],
        ["reseal", A, *WHY],
    ):
        done = host.json(*command)
        assert (done.code, done.error) == (1, 987)
    assert host.bytes(A) == before
    with pytest.raises(errors.ConfigInvalid):
        config.load(host.config)


def test_what_is_closed_to_who_asks(host, write, monkeypatch):
    """Hooks may be able to read it."""
    path = write("50.conf", ENFORCING)
    real = os.open

    def refuse(name, *args, **options):
        if name == path:
            raise PermissionError(13, "Permission denied", name)
        return real(name, *args, **options)

    host.configure(user=12345)
    monkeypatch.setattr(os, "open", refuse)
    for uid, last in (
        (1000, "only root can tell"),
        # It is who runs hooks.
        (12345, REFUSES),
        (0, REFUSES),
    ):
        monkeypatch.setattr(os, "getuid", lambda uid=uid: uid)
        done = host.json("config", "--show")
        assert done.code == 3
        first, _, said = done.json["notes"]
        assert first.endswith(f"Configuration {path}: Permission denied")
        assert said.startswith(last)


def test_nothing_is_said_where_all_can_be_used(host, write, journal):
    write("50.conf", ENFORCING)
    for command in (["config", "--show"], ["log"], ["permit", "--list"]):
        done = host.json(*command)
        assert (done.code, done.json["notes"]) == (0, [])


@pytest.mark.skipif(os.geteuid() != 0, reason="a host's files are root's")
def test_of_the_host(tmp_path, monkeypatch):
    """Of the host's own configuration the main file may be a bad one, too."""
    main = tmp_path / "etc" / "vdsm-backup.conf"
    drop_in = tmp_path / "etc" / "conf.d" / "50.conf"
    drop_in.parent.mkdir(parents=True)
    monkeypatch.setattr(config, "PATH", str(main))
    main.write_text("[gard]\n")
    drop_in.write_text("[sanlock]\nsettle = 7\n")
    options = config_in_part.load()
    assert options.settle == 7
    assert [e.path for e in options.left_out] == [str(main)]
    # All hooks of the host go by it.
    refuse = "until that is mended each hook refuses all VMs"
    assert parts.notes(options)[-1] == refuse
    # What is not root's alone decides nothing, and neither does what is
    # beside it.
    main.write_text(ENFORCING)
    os.chmod(drop_in, 0o666)
    options = config_in_part.load()
    assert options.settle == 3
    assert [e.path for e in options.left_out] == [str(drop_in)]
    options.left_out = [errors.ConfigInvalid("/x", "", "Permission denied")]
    monkeypatch.setattr(os, "getuid", lambda: options.uid)
    assert parts.notes(options)[-1] == refuse.replace("hook", "hook of VDSM")
    os.chmod(drop_in, 0o644)
    os.chmod(tmp_path / "etc", 0o777)
    options = config_in_part.load()
    assert options.settle == 3
    assert [e.path for e in options.left_out] == [str(tmp_path / "etc")]
