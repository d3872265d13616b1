# SPDX-License-Identifier: GPL-2.0-or-later
import subprocess
import sys

import pytest

from vdsm_backup.bridge import limited

# Seconds, on a busy machine.
TIMEOUT = 60


def python(code):
    return [sys.executable, "-c", code]


def test_what_it_says():
    code = "import sys; print(input()); print('no', file=sys.stderr); exit(3)"
    done = limited.run(python(code), b"yes", TIMEOUT, 4)
    assert done == (3, b"yes\n", b"no\n")


@pytest.mark.parametrize("where", ["stdout", "stderr"])
def test_one_that_never_ends_is_left_at_the_limit(where):
    code = f"import sys\nwhile 1: print('x' * 99, file=sys.{where})"
    with pytest.raises(limited.TooLarge):
        limited.run(python(code), b"", TIMEOUT, 1_000_000)


def test_one_that_reads_nothing():
    code = "import os; os.close(0); print('x')"
    assert limited.run(python(code), b"", TIMEOUT, 99).stdout == b"x\n"


def test_one_that_hangs():
    with pytest.raises(subprocess.TimeoutExpired):
        limited.run(["sleep", "1000"], b"", 0.5, 99)


def test_one_whose_output_is_at_its_end_and_that_hangs():
    code = "import os, time; os.close(1); os.close(2); time.sleep(1000)"
    with pytest.raises(subprocess.TimeoutExpired):
        limited.run(python(code), b"", 0.5, 99)


def test_nothing_to_run():
    with pytest.raises(OSError):
        limited.run(["/nonexistent"], b"", TIMEOUT, 99)
