# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of a command."""

import os
import sys

import pytest

from tests.bench import memory, timing
from tests.bench.timing import Command

MIB = 1024**2


def python(code, **options):
    return Command([sys.executable, "-I", "-c", code], **options)


def test_an_exit_code_that_is_not_expected_is_no_figure():
    failing = "import sys; sys.exit('the words of a hook')"
    with pytest.raises(timing.Failed, match="exit code 1.*the words of a"):
        python(failing).sample()
    python(failing, expect=1).sample()


def test_input_and_environment(tmp_path):
    path = tmp_path / "xml"
    path.write_text("<domain/>")
    code = "import os, sys; assert sys.stdin.read() == '<domain/>'"
    code += "; assert os.environ['vmId'] == 'x' and 'HOME' not in os.environ"
    python(code, env={"vmId": "x"}, stdin=str(path)).sample()


def test_cpu_time_is_also_that_of_children():
    """Of a child that uses some; the command itself only waits for it."""
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    code = f"import os\nif not os.fork():\n exec({burn!r})\n os._exit(0)"
    sample = python(f"{code}\nos.wait()").sample()
    assert sample.cpu >= 0.3
    assert sample.wall >= 0.3


def test_all_of_them_run_at_the_same_time(tmp_path):
    """Each waits until all are there."""
    code = f"import os, time\nopen(f'{tmp_path}/{{os.getpid()}}', 'w')"
    code += f"\nwhile len(os.listdir({str(tmp_path)!r})) < 3: time.sleep(.01)"
    python(code).at_once(3)
    assert len(os.listdir(tmp_path)) == 3


def test_peaks_are_of_the_process_and_of_those_below_it():
    """They stay until they are let go on, so each is seen."""
    code = "import os, time\nx = b'x' * (50 << 20); del x"
    code += "\nif not os.fork():\n x = b'x' * (150 << 20); del x"
    code += "\n time.sleep(0.5); os._exit(0)\nos.wait()"
    found = memory.peaks(python(code))
    assert 50 * MIB < found.own < 140 * MIB
    (child,) = found.below.values()
    assert child > 150 * MIB
    assert found.whole == found.own + child


def test_what_fails_has_no_peak():
    with pytest.raises(RuntimeError, match="exit code 1"):
        memory.peaks(python("import sys; sys.exit(1)"))
