# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from tests.support.storage import filedomain
from vdsm_backup import errors
from vdsm_backup.metadata import domain
from vdsm_backup.metadata import lines as md_lines

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
V5 = {"VERSION": "5", "ALIGNMENT": "8388608", "BLOCK_SIZE": "4096"}


def lines(**overrides):
    return md_lines.flush(filedomain.metadata(SD, **overrides))


def test_what_may_have_a_flag():
    found = domain.check(lines(BACKUP="True", POOL_UUID="pool"), SD)
    assert found.lines == lines(BACKUP="True", POOL_UUID="pool")
    assert found.flag.value
    assert found.pool == "pool"
    assert md_lines.SEAL not in found.values
    assert domain.check(lines(POOL_UUID=None), SD).pool == ""


@pytest.mark.parametrize(
    "damaged, error",
    [
        ([], errors.NotMetadata),
        (lines()[:-1], errors.SealMissing),
        ([*lines()[:-1], f"{md_lines.SEAL}=0"], errors.SealBroken),
        ([*lines(), "no separator"], errors.DamagedMetadata),
        ([*lines(), "SDUUID=other"], errors.DamagedMetadata),
        (lines(VERSION="3"), errors.UnsupportedVersion),
        (lines(CLASS="Iso"), errors.UnsupportedClass),
        (lines(BACKUP="yes"), errors.InvalidFlag),
        # Cut off: that it is not whole is what is wrong, not its version.
        ([*lines(VERSION="")[:-1]], errors.SealMissing),
    ],
)
def test_what_may_not(damaged, error):
    with pytest.raises(error):
        domain.check(damaged, SD)


def test_geometry():
    assert domain.geometry({"VERSION": "4"}, SD) == (1024**2, 512)
    assert domain.geometry(V5, SD) == (8 * 1024**2, 4096)


@pytest.mark.parametrize("key", ["ALIGNMENT", "BLOCK_SIZE"])
@pytest.mark.parametrize("value", [None, "", "x", "0", "-512", "513"])
def test_sizes_that_sanlock_has_not(key, value):
    values = {**V5, key: value}
    if value is None:
        del values[key]
    with pytest.raises(errors.DamagedMetadata):
        domain.geometry(values, SD)
