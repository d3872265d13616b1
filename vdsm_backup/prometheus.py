# SPDX-License-Identifier: GPL-2.0-or-later
"""
Values for the textfile collector of node_exporter. Pure:
https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Sample(NamedTuple):
    """A value. labels: texts that are harmless to show."""

    family: str
    labels: Mapping[str, str]
    value: int


def text(samples: Iterable[Sample], families: Mapping[str, str]) -> str:
    """
    By families; each series once.

    families: {family: what it is}, in their order.
    """
    found: dict[str, dict[str, int]] = {}
    for sample in samples:
        labels = ",".join(
            f'{name}="{_escaped(value)}"'
            for name, value in sample.labels.items()
        )
        series = f"{sample.family}{{{labels}}}" if labels else sample.family
        found.setdefault(sample.family, {})[series] = sample.value
    lines = []
    for family, about in families.items():
        if family in found:
            lines += [f"# HELP {family} {about}", f"# TYPE {family} gauge"]
            values = sorted(found[family].items())
            lines += [f"{series} {value}" for series, value in values]
    return "".join(f"{line}\n" for line in lines)


def _escaped(value: str) -> str:
    value = value.replace("\\", r"\\").replace("\n", r"\n")
    return value.replace('"', r"\"")
