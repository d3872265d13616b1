# SPDX-License-Identifier: GPL-2.0-or-later
"""The bridge as a process, with a configuration of its own."""

import pathlib
import tempfile

from tests.support import programs
from tests.support.bridge.engine import PASSWORD, USER

MODULE = "vdsm_backup.bridge"

# As systemd ends a unit: with its main process all others are killed, those of
# ssh, too. The shell is there since a first process cannot kill itself.
UNIT = ["unshare", "--pid", "--fork", "--kill-child"]
UNIT += ["sh", "-c", '"$@"; exit $?', "sh"]


class BridgeProcess:
    """
    directory: a Path, for all that it has. identity: the private key for
    hosts. state: a Path of one that is there; None: a new one. options: of
    [bridge].
    """

    def __init__(
        self, stand_in, directory, identity="no key", state=None, **options
    ):
        self.engine = stand_in
        self.state = state or directory / "state"
        self.state.mkdir(exist_ok=True)
        credentials = directory / "credentials"
        credentials.mkdir()
        (credentials / "password").write_text(PASSWORD + "\n")
        (credentials / "identity").write_text(identity)
        (credentials / "identity").chmod(0o600)
        ours = {"poll": 1, "state": self.state, **options}
        lines = "".join(f"{name} = {ours[name]}\n" for name in ours)
        self.config = directory / "bridge.conf"
        self.config.write_text(
            f"[engine]\nurl = {stand_in.url}\nuser = {USER}\n"
            f"ca_file = {stand_in.ca_file}\n[bridge]\n{lines}"
        )
        self.env = {"CREDENTIALS_DIRECTORY": str(credentials)}

    def run(self, *args, before=(), module=MODULE, **options):
        """
        before: arguments of `module` before those of the bridge. options: of
        programs.run().
        """
        words = [*before, "--config", self.config, *args]
        return programs.run(module, *words, env=self.env, **options)

    def start(self, *args, **options):
        """options: of programs.start()."""
        words = ["--config", self.config, *args]
        return programs.start(MODULE, *words, env=self.env, **options)


def of_scene(scene, state=None):
    """
    A process in place of the bridge of a scene, with that one's key. state: as
    in BridgeProcess.
    """
    scene.stop()
    with open(scene.settings.identity_file) as f:
        identity = f.read()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="p", dir=scene.directory))
    made = BridgeProcess(scene.engine, directory, identity, state)
    # A short path, for sockets, which goes with the scene.
    runtime = directory / "run"
    runtime.mkdir()
    made.env["RUNTIME_DIRECTORY"] = str(runtime)
    return made


def in_its_place(scene):
    """With the state of the scene: whichever comes next goes on from it."""
    return of_scene(scene, pathlib.Path(scene.settings.state))
