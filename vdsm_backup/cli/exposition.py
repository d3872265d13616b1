# SPDX-License-Identifier: GPL-2.0-or-later
"""
Samples as other programs read them. Pure functions.

prometheus() is for the textfile collector of node_exporter:
https://prometheus.io/docs/instrumenting/exposition_formats/

collectd() is for its exec plugin: collectd-exec(5). collectd has no labels, so
values of a domain have its UUID as the instance of the plugin, and places
without a domain are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup.cli import measurements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vdsm_backup.cli.measurements import Sample

_PREFIX = "vdsm_backup_"
_PLUGIN = "vdsm_backup"
_PLACES = "places_unreadable"


def prometheus(samples: Iterable[Sample]) -> str:
    """By families; each series once."""
    families: dict[str, dict[str, int]] = {}
    for sample in samples:
        labels = ",".join(
            f'{name}="{_escaped(value)}"'
            for name, value in sample.labels.items()
        )
        series = f"{sample.family}{{{labels}}}" if labels else sample.family
        families.setdefault(sample.family, {})[series] = sample.value
    lines = []
    for family, about in measurements.FAMILIES.items():
        if family in families:
            lines += [f"# HELP {family} {about}", f"# TYPE {family} gauge"]
            found = families[family]
            lines += [f"{series} {found[series]}" for series in sorted(found)]
    return "".join(f"{line}\n" for line in lines)


def collectd(samples: Iterable[Sample], host: str, interval: str) -> str:
    """
    host: the name of this host for collectd. interval: seconds between two
    runs, as collectd says them; "": not known.
    """
    values: dict[tuple[str, str], int] = {(_PLUGIN, _PLACES): 0}
    for sample in samples:
        name = sample.family[len(_PREFIX) :]
        labels = sample.labels
        if "domain" not in labels:
            key = _PLUGIN, "-".join([name, *labels.values()])
            values[key] = sample.value
        elif labels["domain"]:
            name = name[len("domain_") :]
            key = f"{_PLUGIN}-{labels['domain']}", name
            # Of a domain that is in several places, the worst.
            values[key] = max(sample.value, values.get(key, 0))
        else:
            values[_PLUGIN, _PLACES] += sample.value
    option = f" interval={interval}" if interval else ""
    return "".join(
        f'PUTVAL "{host}/{plugin}/gauge-{name}"{option} N:{value}\n'
        for (plugin, name), value in values.items()
    )


def as_objects(samples: Iterable[Sample]) -> list[Mapping[str, object]]:
    """SAMPLE of docs/json.md."""
    return [
        {"name": s.family, "labels": dict(s.labels), "value": s.value}
        for s in samples
    ]


def _escaped(value: str) -> str:
    value = value.replace("\\", r"\\").replace("\n", r"\n")
    return value.replace('"', r"\"")
