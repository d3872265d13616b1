# SPDX-License-Identifier: GPL-2.0-or-later
"""
What tests/vdsm imports on this machine, as JSON: {"files": {module: file},
"path", "commands"}. VDSM's own packages are whole in any case. Run by its
path, by vdsmtree.py: no module of ours is loaded then.
"""

import json
import sys
import sysconfig

if __name__ == "__main__":
    import ioprocess.config
    import pytest  # noqa: F401
    import yajsonrpc.stompserver  # noqa: F401

    found = {
        name: getattr(module, "__file__", None)
        for name, module in sys.modules.items()
        if "." not in name and name not in ("__main__", "vdsm_backup")
    }
    stdlib = sysconfig.get_path("stdlib")
    print(
        json.dumps(
            {
                "files": {
                    name: path
                    for name, path in found.items()
                    if path
                    and not path.startswith(f"{stdlib}/")
                    and "__editable__" not in name
                },
                "path": sys.path,
                "commands": [ioprocess.config.IOPROCESS_PATH],
            }
        )
    )
