# SPDX-License-Identifier: GPL-2.0-or-later
"""
The real engine that the environment names, for tests/engine. docs/bridge.md,
Tests against an engine, says what each name is for.
"""

import os

_BEGIN = "VDSM_BACKUP_ENGINE_"

URL = f"{_BEGIN}URL"
CA_FILE = f"{_BEGIN}CA_FILE"
USER = f"{_BEGIN}USER"
PASSWORD_FILE = f"{_BEGIN}PASSWORD_FILE"
DOMAIN = f"{_BEGIN}DOMAIN"
BUSY_DOMAIN = f"{_BEGIN}BUSY_DOMAIN"
OTHER_USER = f"{_BEGIN}OTHER_USER"
OTHER_PASSWORD_FILE = f"{_BEGIN}OTHER_PASSWORD_FILE"

NAMES = {
    *(URL, CA_FILE, USER, PASSWORD_FILE, DOMAIN, BUSY_DOMAIN, OTHER_USER),
    OTHER_PASSWORD_FILE,
}


def missing(environ=os.environ):
    """Why no real engine is tested, or ""."""
    if not environ.get(URL):
        return f"no real engine is named: {URL} is not set"
    if "PYTEST_XDIST_WORKER" in environ:
        # Workers would edit the same domain at the same time.
        return "a real engine is tested by one process: pytest tests/engine"
    return ""


def mistakes(environ=os.environ):
    """What is wrong with what the environment says, in words."""
    found = []
    for name in environ:
        if name.startswith(_BEGIN) and name not in NAMES:
            found.append(f"{name} is none of {', '.join(sorted(NAMES))}")
    needed = [USER, PASSWORD_FILE]
    if environ.get(OTHER_USER):
        needed.append(OTHER_PASSWORD_FILE)
    found += [f"{name} is missing" for name in needed if not environ.get(name)]
    for name in (CA_FILE, PASSWORD_FILE, OTHER_PASSWORD_FILE):
        path = environ.get(name)
        if path and not os.access(path, os.R_OK):
            found.append(f"{path} of {name} cannot be read")
    if environ.get(OTHER_USER) and environ[OTHER_USER] == environ.get(USER):
        found.append(f"{OTHER_USER} is the same as {USER}")
    domain = environ.get(DOMAIN)
    if domain and domain == environ.get(BUSY_DOMAIN):
        found.append(f"{BUSY_DOMAIN} is the same as {DOMAIN}")
    return found


def value(name):
    """Of a variable, "" if it is not set."""
    return os.environ.get(name, "")


def password(name):
    """That of the file that this variable names."""
    with open(os.environ[name], encoding="utf-8") as f:
        return f.read().rstrip("\r\n")
