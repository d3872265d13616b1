# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from vdsm_backup.bridge import decide, report
from vdsm_backup.bridge.shapes import Answer

SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"


def told(kind, users=(), name="backups-nfs", host="host1"):
    return report.text(Answer(10, tell=kind, users=users), SD, name, host)


def test_each_kind_of_the_table_has_a_text():
    assert {row.tell for row in decide.TABLE} - {""} == set(report.TEXTS)


@pytest.mark.parametrize("kind", report.TEXTS)
def test_texts(kind):
    text = told(kind)
    assert "backups-nfs" in text
    assert "{" not in text and "  " not in text
    # The engine cuts what is longer.
    assert len(text) < 500


@pytest.mark.parametrize(
    "users, words",
    [
        ((), "was unticked, and no event says by whom; the flag stays"),
        (("anna",), "was unticked by anna; the flag stays"),
        (("anna", "bob"), "was unticked by one of anna, bob; the flag stays"),
        (("",), "was unticked by somebody unknown; the flag stays"),
    ],
)
def test_who(users, words):
    assert words in told("untick", users)


def test_why_the_engine_refuses():
    why = "error 9684: no (409): [Cannot edit Storage.]"
    answer = Answer(27, tell="refused", why=why)
    words = "refuses to tick its Backup box: error 9684: no (409): [Cannot"
    assert words in report.text(answer, SD, "backups-nfs", "host1")
    text = report.text(answer._replace(why="x" * 999), SD, "n" * 50, "host1")
    assert "xxx. Only hosts" in text and len(text) < 500


def test_what_to_type_and_where():
    command = f"vdsm-backup-domain clear {SD} --reason TEXT"
    assert f"on host host1: {command}" in told("untick")
    assert f"on the SPM host: {command}" in told("untick", host="")


def test_names_are_harmless():
    text = told("untick", ("a\x1b[31m",), "b\n\u202e", "c\x9b")
    assert text.isprintable()


def test_number():
    answer = Answer(10, tell="untick", about="7:1234")
    number = report.number(answer, SD)
    assert number == report.number(answer, SD)
    assert number == 1803564235
    others = [
        report.number(answer._replace(about="7:1235"), SD),
        report.number(answer._replace(tell="conflict"), SD),
        report.number(answer, SD.replace("5", "6")),
    ]
    assert len({number, *others}) == 4


def test_number_is_one_that_the_engine_takes():
    numbers = {
        report.number(Answer(5, tell="conflict", about=f"\udcff{i}"), SD)
        for i in range(2000)
    }
    assert len(numbers) == 2000
    assert min(numbers) >= 0 and max(numbers) < 2**31
    assert max(numbers) > 2**30
