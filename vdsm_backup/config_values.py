# SPDX-License-Identifier: GPL-2.0-or-later
"""
The values of options: the text that a file has, checked, in the type that the
option has. Pure.
"""

from __future__ import annotations

from vdsm_backup import errors
from vdsm_backup.text import is_uuid

TYPE_CHECKING = False
if TYPE_CHECKING:
    # {(section, option): text}, of values or of the files that set them
    Texts = dict[tuple[str, str], str]


class Values:
    """
    Methods raise ConfigInvalid for a value that makes no sense.

    path: of the main file.
    """

    def __init__(self, path: str, values: Texts, files: Texts) -> None:
        """
        values: of all options. files: for each option that is set by a file,
        the path of that file.
        """
        self.path = path
        self._values = values
        self._files = files

    def file_of(self, section: str, option: str) -> str:
        """The file that sets an option. For a default it is the main file."""
        return self._files.get((section, option), self.path)

    def invalid(
        self, section: str, option: str, reason: str
    ) -> errors.ConfigInvalid:
        """The error of an option that cannot be used as it is."""
        path = self.file_of(section, option)
        return errors.ConfigInvalid(path, f"[{section}] {option}", reason)

    def _text(self, section: str, option: str) -> str:
        value = self._values[section, option].strip()
        if "\0" in value:
            # No path and no name of a user has a NUL, and no call takes one.
            raise self.invalid(section, option, "has a NUL")
        if not value:
            raise self.invalid(section, option, "is empty")
        return value

    def _path(self, section: str, option: str) -> str:
        value = self._text(section, option)
        if not value.startswith("/"):
            # A relative path would be another one for each caller.
            reason = f"{value!a} is no absolute path"
            raise self.invalid(section, option, reason)
        return value

    def _list(self, section: str, option: str) -> list[str]:
        value = self._values[section, option]
        if "\0" in value:
            raise self.invalid(section, option, "has a NUL")
        return [item.strip() for item in value.split(",") if item.strip()]

    def _each_of(
        self, section: str, option: str, choices: tuple[str, ...]
    ) -> list[str]:
        """Some of the choices, or none."""
        found = self._list(section, option)
        for value in found:
            if value not in choices:
                reason = f"{value!a} is none of: {', '.join(choices)}"
                raise self.invalid(section, option, reason)
        return found

    def _uuids(self, section: str, option: str) -> list[str]:
        found = self._list(section, option)
        for value in found:
            if not is_uuid(value):
                raise self.invalid(section, option, f"{value!a} is no UUID")
        return found

    def _number(
        self, section: str, option: str, low: float, high: float
    ) -> float:
        """The value. One that is whole is an int, which is shown as such."""
        value = self._text(section, option)
        try:
            number = float(value)
        except ValueError:
            raise self.invalid(section, option, f"{value!a} is no number")
        if not low <= number <= high:
            reason = f"{value} is not between {low} and {high}"
            raise self.invalid(section, option, reason)
        return int(number) if number.is_integer() else number

    def _whole(self, section: str, option: str, low: int, high: int) -> int:
        number = self._number(section, option, low, high)
        if not isinstance(number, int):
            raise self.invalid(section, option, f"{number} is not whole")
        return number
