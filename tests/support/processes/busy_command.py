# SPDX-License-Identifier: GPL-2.0-or-later
"""
The command line, with a thread that goes on when it is done, as one that waits
for a child that is stuck. Arguments: those of the command.
"""

import threading
import time

from vdsm_backup.cli import main

if __name__ == "__main__":
    threading.Thread(target=time.sleep, args=[60]).start()
    main.run()
