"""Figures that parts of midrank tell about themselves, as metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from opentelemetry.metrics import Observation

from proxy.telemetry.names import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.metrics import CallbackOptions, Meter

    from proxy.figures import Figure

# What some tell about themselves, by what tells them apart.
Told = Mapping[tuple[str, ...], Mapping[str, float]]


def watch(
    meter: Meter,
    table: Mapping[str, Figure],
    labels: tuple[str, ...],
    figures: Callable[[], Told],
) -> None:
    """Have a meter export the figures of a table, see `Telemetry.watch`."""
    by_name: dict[str, dict[str, Figure]] = {}
    for key, figure in table.items():
        by_name.setdefault(figure.name, {})[key] = figure
    for name, alike in by_name.items():

        def observe(_: CallbackOptions, alike: dict[str, Figure] = alike) -> Iterator[Observation]:
            for values, told in figures().items():
                of = dict(zip(labels, values, strict=True))
                for key, figure in alike.items():
                    if key in told:
                        kind = {KIND: figure.kind} if figure.kind is not None else {}
                        yield Observation(told[key], {**of, **kind})

        one = next(iter(alike.values()))
        make = meter.create_observable_counter if one.total else meter.create_observable_gauge
        make(name, [observe], unit=one.unit, description=one.description)
