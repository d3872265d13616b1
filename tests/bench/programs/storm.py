# SPDX-License-Identifier: GPL-2.0-or-later
"""
Many callers of the plugin's shared reads, all at once, on one domain. Says
how long the slowest one has waited, and how many reads there were.

    python3 -I storm.py LIBRARY CALLERS SECONDS

LIBRARY: the directory of the package. SECONDS: that a read takes. Without a
LIBRARY ("") the callers only sleep, twice as long: a call that comes while a
read is on its way waits for that one and for its own.
"""

import json
import sys
import threading
import time

_TIMEOUT = 60


def callers(count, call):
    """The seconds that each of them took."""
    go = threading.Event()
    took = []

    def run():
        go.wait()
        began = time.monotonic()
        call()
        took.append(time.monotonic() - began)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    return took


def main(library, count, seconds):
    reads = []

    def read():
        reads.append(None)
        time.sleep(float(seconds))

    if library:
        sys.path.append(library)
        from vdsm_backup.plugin.shared_reads import Reads

        shared = Reads()

        def call():
            shared.get("domain", read, time.monotonic() + _TIMEOUT)

    else:

        def call():
            time.sleep(2 * float(seconds))

    slowest = max(callers(int(count), call))
    print(json.dumps({"slowest": slowest, "reads": len(reads)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
