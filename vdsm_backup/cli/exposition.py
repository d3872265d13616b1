# SPDX-License-Identifier: GPL-2.0-or-later
"""
Samples as other programs read them, Prometheus apart (prometheus.py). Pure
functions.

collectd() is for its exec plugin: collectd-exec(5). collectd has no labels, so
values of a domain have its UUID as the instance of the plugin, and places
without a domain are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vdsm_backup.prometheus import Sample

_PREFIX = "vdsm_backup_"
_PLUGIN = "vdsm_backup"
_PLACES = "places_unreadable"


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
