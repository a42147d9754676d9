"""Prometheus' text format, version 0.0.4: families of measures, written out and nothing kept.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True)
class Sample:
    """One value, under the labels that tell it from the others of its family."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gauge:
    """Values that may go up and down, with one line about what they are."""

    name: str
    help: str
    samples: Sequence[Sample]


def exposition(gauges: Iterable[Gauge]) -> str:
    """The page that is scraped. Raises ValueError for a name that the format does not take."""
    return "".join(line + "\n" for gauge in gauges for line in _lines(gauge))


def _lines(gauge: Gauge) -> Iterable[str]:
    yield f"# HELP {_checked(gauge.name)} {_escaped(gauge.help)}"
    yield f"# TYPE {gauge.name} gauge"
    for sample in gauge.samples:
        told = ",".join(
            f'{_checked(name)}="{_escaped(value, quote=True)}"' for name, value in sorted(sample.labels.items())
        )
        yield f"{gauge.name}{{{told}}} {_number(sample.value)}" if told else f"{gauge.name} {_number(sample.value)}"


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a measure or a label")
    return name


def _escaped(text: str, *, quote: bool = False) -> str:
    escaped = text.replace("\\", r"\\").replace("\n", r"\n")
    return escaped.replace('"', r"\"") if quote else escaped


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if float(value).is_integer() else repr(float(value))
