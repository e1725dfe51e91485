"""A dashboard as plain values, and Grafana's JSON of it: rows of panels, panels of queries."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, Literal

from grafana_foundation_sdk.builders import common, dashboard, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as values
from grafana_foundation_sdk.models import dashboard as models

if TYPE_CHECKING:
    from deploy.observability.dashboards.queries import Query

PROMETHEUS = models.DataSourceRef(type_val="prometheus", uid="${datasource}")


@dataclass(frozen=True, slots=True)
class Word:
    """How a number is shown: as this word, in this colour."""

    number: int
    word: str
    colour: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture, `of` 24 columns wide. `unit` is one of Grafana's.

    `stack` are lines on top of each other, `stat` is the latest value in large, `states` are bars over time,
    whose values have `words`. Values from the first of `limits` on are yellow, from the second on red.
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Literal["lines", "stack", "stat", "states"] = "lines"
    of: int = 8
    words: tuple[Word, ...] = ()
    limits: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top: among the values that a label has somewhere. `All` is the pattern `every`."""

    name: str
    label: str
    query: str
    every: str = ".*"


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. Its `uid` is what links go by."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    def as_json(self) -> str:
        """Return what Grafana imports."""
        made = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags(["midrank"])
            .timezone("browser")
            .refresh("30s")
            .time("now-3h", "now")
            .tooltip(models.DashboardCursorSync.CROSSHAIR)
            .link(dashboard.DashboardLink("midrank").tags(["midrank"]).keep_time(True).include_vars(True))
            .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        )
        for variable in self.variables:
            made = made.with_variable(_variable(variable))
        for row in self.rows:
            made = made.with_row(dashboard.Row(row.title))
            for panel in row.panels:
                made = made.with_panel(_panel(panel))
        built = made.build()
        for number, panel in enumerate(built.panels or (), start=1):
            panel.id_val = number  # what a link to a panel goes by
        return JSONEncoder(sort_keys=True, indent=2).encode(built) + "\n"


def _panel(panel: Panel) -> Any:
    made = _KINDS[panel.kind]().title(panel.title).description(panel.description).unit(panel.unit)
    made = made.datasource(PROMETHEUS).span(panel.of).height(4 if panel.kind == "stat" else 8)
    for letter, query in zip(ascii_uppercase, panel.queries, strict=False):
        target = (
            Dataquery().ref_id(letter).datasource(PROMETHEUS).expr(query.expr).legend_format(query.legend)
        )
        made = made.with_target(target.instant() if panel.kind == "stat" else target.range())
    if panel.words:
        made = made.mappings([models.ValueMap(options=_mapped(panel.words))])
    if panel.limits is not None:
        made = made.thresholds(_thresholds(*panel.limits))
    return made


def _lines() -> Any:
    return (
        timeseries.Panel()
        .min(0)
        .line_width(1)
        .fill_opacity(5)
        .show_points(values.VisibilityMode.NEVER)
        .legend(_legend())
        .tooltip(
            common.VizTooltipOptions().mode(values.TooltipDisplayMode.MULTI).sort(values.SortOrder.DESCENDING)
        )
    )


def _stack() -> Any:
    return _lines().fill_opacity(30).stacking(common.StackingConfig().mode(values.StackingMode.NORMAL))


def _stat() -> Any:
    return (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(values.BigValueColorMode.VALUE)
        .graph_mode(values.BigValueGraphMode.NONE)
    )


def _states() -> Any:
    return statetimeline.Panel().fill_opacity(80).show_value(values.VisibilityMode.NEVER).legend(_legend())


_KINDS = {"lines": _lines, "stack": _stack, "stat": _stat, "states": _states}


def _legend() -> Any:
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(values.LegendDisplayMode.LIST)
        .placement(values.LegendPlacement.BOTTOM)
    )


def _mapped(words: tuple[Word, ...]) -> dict[str, Any]:
    return {
        str(one.number): models.ValueMappingResult(text=one.word, color=one.colour, index=place)
        for place, one in enumerate(words)
    }


def _thresholds(yellow: float, red: float) -> Any:
    steps = [(None, "green"), (yellow, "yellow"), (red, "red")]
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=colour) for value, colour in steps])
    )


def _variable(variable: Variable) -> Any:
    return (
        dashboard.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(PROMETHEUS)
        .query(variable.query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(variable.every)
        .current(models.VariableOption(text="All", value="$__all", selected=True))
    )
