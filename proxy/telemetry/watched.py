"""Figures that parts of midrank tell about themselves, as metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING

from opentelemetry.metrics import Observation

from proxy.telemetry.names import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.metrics import CallbackOptions, Meter

    from proxy.figures import Figure

# What some tell about themselves, by what tells them apart.
Told = Mapping[tuple[str, ...], Mapping[str, float]]

# Seconds within which metrics of one table are of one export.
_ONE_EXPORT = 0.1


def watch(
    meter: Meter,
    table: Mapping[str, Figure],
    labels: tuple[str, ...],
    figures: Callable[[], Told],
) -> None:
    """Have a meter export the figures of a table, see `Telemetry.watch`."""
    figures = _once_an_export(figures)
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


def _once_an_export(figures: Callable[[], Told]) -> Callable[[], Told]:
    """Return what asks for figures unless it just has: an export asks for one metric after the other."""
    kept: list[tuple[float, Told]] = []

    def ask() -> Told:
        if not kept or perf_counter() - kept[0][0] > _ONE_EXPORT:
            told = figures()
            kept[:] = [(perf_counter(), told)]
        return kept[0][1]

    return ask
