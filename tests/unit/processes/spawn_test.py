# SPDX-License-Identifier: GPL-2.0-or-later
import contextlib
import json
import os
import subprocess
import sys

import pytest

import vdsm_backup
from vdsm_backup.processes import forks, spawn


@pytest.fixture(params=["python", "forked"])
def way(request):
    """How processes are started: both keep the same promises."""
    return request.param


@pytest.fixture
def probe(way):
    def run(*args, **options):
        module = "tests.support.processes.probe"
        output, theirs = os.pipe()
        with contextlib.ExitStack() as stack:
            said = stack.enter_context(open(output))
            if way == "forked":
                stack.enter_context(forks.up([module]))
            child = spawn.start(module, args, stdout=theirs, **options)
            os.close(theirs)
            result = json.loads(said.read())
            assert child.wait() == 0
            return result

    return run


def test_gives_the_args(probe):
    said = probe("one", "two words")
    assert said["args"] == ["one", "two words"]


def test_ends_when_main_returns(probe):
    """What it has said is said, and no time is spent on its interpreter."""
    assert probe("late")["args"] == ["late"]


def test_runs_the_code_that_we_run(probe, tmp_path, monkeypatch):
    other = tmp_path / "other" / "vdsm_backup"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("")
    # Imported by Python at its start, from wherever it finds it.
    code = f"open({str(tmp_path / 'seen')!r}, 'w')"
    (other.parent / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(other.parent))
    monkeypatch.chdir(other.parent)
    assert os.path.samefile(
        os.path.dirname(probe()["package"]),
        os.path.dirname(vdsm_backup.__file__),
    )
    assert not (tmp_path / "seen").exists()


def test_has_our_path_and_nothing_else(probe):
    said = probe()
    # It would run what *.pth files say.
    assert not said["site"]
    ours = [os.path.abspath(path) for path in sys.path]
    root = os.path.dirname(os.path.dirname(vdsm_backup.__file__))
    assert [path for path in said["path"] if path != root] == [
        path for path in ours if path != root
    ]


def test_finds_us_where_our_path_does_not(probe, monkeypatch):
    root = os.path.dirname(os.path.dirname(vdsm_backup.__file__))
    rest = [path for path in sys.path if os.path.abspath(path) != root]
    monkeypatch.setattr(sys, "path", rest)
    assert os.path.dirname(probe()["package"]).startswith(root)


def test_stands_alone(probe):
    said = probe()
    assert said["leads session"]
    assert said["cwd"] == "/"
    assert said["stdin"] == said["stderr"] == os.devnull


def test_has_only_the_files_it_is_given(probe):
    with open(os.devnull) as given, open(os.devnull) as kept:
        os.set_inheritable(kept.fileno(), True)
        said = probe(pass_fds=[given.fileno()])
        assert said["fds"] == [0, 1, 2, given.fileno()]


@pytest.mark.parametrize(
    "uid, euid, as_root, identity",
    [
        (0, 36, True, {"user": 0, "group": 0}),
        (0, 36, False, {}),
        (0, 0, True, {}),
        (36, 36, True, {}),
    ],
)
def test_identity(monkeypatch, uid, euid, as_root, identity):
    started = []
    monkeypatch.setattr(os, "getuid", lambda: uid)
    monkeypatch.setattr(os, "geteuid", lambda: euid)
    monkeypatch.setattr(
        subprocess, "Popen", lambda cmd, **options: started.append(options)
    )
    spawn.start("module", as_root=as_root)
    given = {k: v for k, v in started[0].items() if k in ("user", "group")}
    assert given == identity
