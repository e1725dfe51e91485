"""What the admin port says under /status, as tables for a terminal; all of it is there in `--json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from proxy.cli.admin_port import mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

STYLES = {
    "ready": "green",
    "draining": "yellow",
    "warming": "yellow",
    "half_open": "yellow",
    "open": "red",
    "failed": "red",
    "reranked": "green",
    "cached": "green",
    "partial": "yellow",
    "fallback": "red",
}
# What an outcome is told with: its share of all searches.
_WINDOWS = ("1m", "5m", "15m")
_MB = 2**20


def page(told: Mapping[str, object]) -> RenderableType:
    """Return everything, most important first; what there is nothing to say about is left out."""
    parts: list[RenderableType] = [_headline(told)]
    for table in (
        _stores(mapping(told.get("stores"))),
        _outcomes(mapping(told.get("recent"))),
        _added(mapping(told.get("recent"))),
        _models(mapping(told.get("models"))),
        _rules(_list(told.get("rules"))),
        _caches(mapping(told.get("caches"))),
    ):
        if table.row_count:
            parts += ["", table]
    return Group(*parts)


def _headline(told: Mapping[str, object]) -> Text:
    policy, process = mapping(told.get("policy")), mapping(told.get("process"))
    status = str(told.get("status", ""))
    line = Text.assemble(
        ("midrank ", "bold"),
        f"{told.get('version', '')}  ",
        (status, STYLES.get(status, "")),
        f"  up {_duration(told.get('uptime_s'))}  pid {told.get('pid', '')}\n",
        f"policy {policy.get('generation', '')}",
        f" {str(policy.get('sha256', ''))[:12]}".rstrip(),
        f"  since {str(policy.get('loaded_at', ''))[:19]}\n",
        f"memory {_megabytes(process.get('memory_bytes'))}{_limit(process.get('memory_limit_mb'))}"
        f"  threads {_count(process.get('threads'))}  CPUs {_count(process.get('cpus'))}"
        f"  descriptors {_count(process.get('descriptors'))} of {_count(process.get('descriptors_limit'))}"
        f"  loop late {_number(process.get('loop_lag_ms'))} ms",
    )
    if (rejected := policy.get("rejected")) is not None:
        line.append(f"\nthe policy on disk is not in use:\n{rejected}", "red")
    return line


def _limit(limit_mb: object) -> str:
    return f" of {limit_mb} MB" if isinstance(limit_mb, int) else ""


def _stores(stores: Mapping[str, object]) -> Table:
    table = _table("store", "listens", "upstream", ">clients", "there?")
    for name, one in stores.items():
        store = mapping(one)
        reachable = store.get("reachable")
        if reachable is None:
            there = Text("not asked yet", "dim")
        elif reachable:
            there = Text(f"{_duration(store.get('answered_s_ago'))} ago", "green")
        else:
            there = Text(f"{store.get('error')} {_duration(store.get('error_s_ago'))} ago", "red")
        listens, upstream = (escape(str(store.get(key, ""))) for key in ("listens", "upstream"))
        table.add_row(escape(name), listens, upstream, _count(store.get("connections")), there)
    return table


def _outcomes(recent: Mapping[str, object]) -> Table:
    """Return a row for every outcome of the longest window, with its share in each."""
    table = _table("searches", "outcome", "why", *(f">{window}" for window in _WINDOWS))
    longest = mapping(recent.get(_WINDOWS[-1]))
    for store in longest:
        counts = {window: _counts(recent, window, store) for window in _WINDOWS}
        table.add_row(escape(store), "all", "", *(f"{sum(counts[window].values()):,}" for window in _WINDOWS))
        for kind in counts[_WINDOWS[-1]]:
            outcome, reason = kind
            shares = (_share(counts[window], kind) for window in _WINDOWS)
            table.add_row("", Text(outcome, STYLES.get(outcome, "")), reason, *shares)
    return table


def _counts(recent: Mapping[str, object], window: str, store: str) -> dict[tuple[str, str], int]:
    told = mapping(mapping(recent.get(window)).get(store))
    counts: dict[tuple[str, str], int] = {}
    for one in map(mapping, _list(told.get("outcomes"))):
        searches = one.get("searches")
        kind = str(one.get("outcome", "")), str(one.get("reason") or "")
        counts[kind] = searches if isinstance(searches, int) else 0
    return counts


def _share(counts: Mapping[tuple[str, str], int], kind: tuple[str, str]) -> str:
    total = sum(counts.values())
    return f"{counts.get(kind, 0) / total:.1%}" if total else "-"


def _added(recent: Mapping[str, object]) -> Table:
    table = _table("added, ms", "of", ">p50", ">p95", ">p99")
    for window in _WINDOWS:
        for store, told in mapping(recent.get(window)).items():
            added = mapping(mapping(told).get("added_ms"))
            if added:
                table.add_row(escape(store), window, *(_number(added.get(key)) for key in added))
    return table


def _models(models: Mapping[str, object]) -> Table:
    table = _table("model", "state", "why", ">load", ">waiting", ">refused", ">ms/text", ">openings")
    for name, told in models.items():
        model = mapping(told)
        figures, state = mapping(model.get("figures")), str(model.get("state", ""))
        table.add_row(
            escape(name),
            Text(state, STYLES.get(state, "")),
            escape(_why(model)),
            *(_number(figures.get(key)) for key in ("load", "waiting", "refused")),
            _text_cost(figures),
            _number(figures.get("breaker_openings")),
        )
    return table


def _rules(rules: Sequence[object]) -> Table:
    table = _table("rule", "mode", ">budget", ">rows", "models, and how many rows each gets through")
    for rule in map(mapping, rules):
        where = escape(f"{rule.get('store')}/{rule.get('collection')}")
        if rule.get("mode") == "off":
            table.add_row(where, "off", "", "", "")
            continue
        rows = "-".join(map(str, _list(rule.get("candidates"))))
        models = escape(", ".join(_depths(_list(rule.get("models")))))
        budget = f"{_number(rule.get('budget_ms'))} ms"
        table.add_row(where, escape(str(rule.get("mode"))), budget, rows, models)
    return table


def _depths(models: Sequence[object]) -> Iterator[str]:
    for model in map(mapping, models):
        depth = model.get("depth")
        yield f"{model.get('model')} {'?' if depth is None else depth}"


def _caches(caches: Mapping[str, object]) -> Table:
    table = _table("cache", ">entries", ">size", ">hits", "")
    for name, told in caches.items():
        figures = mapping(told)
        hits, misses = figures.get("hits"), figures.get("misses")
        share = ""
        if isinstance(hits, int | float) and isinstance(misses, int | float) and hits + misses:
            share = f"{hits / (hits + misses):.1%}"
        away = Text("away", "red") if figures.get("up") == 0 else Text("")
        size = _megabytes(figures["bytes"]) if "bytes" in figures else ""
        table.add_row(escape(name.replace("_", " ")), _count(figures.get("entries")), size, share, away)
    return table


def _why(model: Mapping[str, object]) -> str:
    """Return why a model is left alone, and for how long."""
    reason, seconds = model.get("reason"), model.get("next_try_s")
    if reason is None or not isinstance(seconds, int | float):
        return ""
    return f"{reason}, tried again {f'in {seconds:.1f} s' if seconds else 'with the next search'}"


def _text_cost(figures: Mapping[str, object]) -> str:
    """Return the milliseconds that a text of 100 tokens takes, by what has been learnt."""
    seconds = figures.get("token_seconds_p50")
    return _number(seconds * 100_000) if isinstance(seconds, int | float) and seconds else ""


def _table(*titles: str) -> Table:
    """Return a table without lines; titles that begin with > are over numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        right = title.startswith(">")
        table.add_column(title.lstrip(">"), justify="right" if right else "left", overflow="fold")
    return table


def _number(value: object) -> str:
    if not isinstance(value, int | float):
        return ""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _count(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else "?"


def _megabytes(value: object) -> str:
    return f"{value / _MB:,.1f} MB" if isinstance(value, int | float) else "?"


def _duration(value: object) -> str:
    if not isinstance(value, int | float):
        return "?"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f} s"


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
