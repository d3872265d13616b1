# SPDX-License-Identifier: GPL-2.0-or-later
import os
import re

from setuptools import find_packages, setup

HERE = os.path.dirname(os.path.abspath(__file__))


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return f.read()


def version():
    # Not imported: a build must not run the package.
    text = read(os.path.join("vdsm_backup", "__init__.py"))
    return re.search(r'^__version__ = "(.+)"$', text, re.M)[1]


setup(
    name="vdsm-backup-domain",
    version=version(),
    description="The backup flag of oVirt storage domains, on the storage",
    long_description=read("README.md"),
    long_description_content_type="text/markdown",
    license="GPL-2.0-or-later",
    packages=find_packages(include=["vdsm_backup", "vdsm_backup.*"]),
    # EL9 has 3.9. What is needed at run time (sanlock, libvirt, ioprocess)
    # is in no registry for the Python of a host: it comes as packages.
    python_requires=">=3.9",
    entry_points={
        "console_scripts": ["vdsm-backup-domain = vdsm_backup.__main__:run"],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: System Administrators",
        "License :: OSI Approved :: GNU General Public License v2 or later"
        " (GPLv2+)",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Topic :: System :: Systems Administration",
    ],
)
