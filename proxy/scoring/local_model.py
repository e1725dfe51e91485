"""Loads a model that runs on this machine: its files, its graph, where it runs, and on how many threads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, assert_never

from proxy.errors import BadConfig, Mistake
from proxy.scoring.cpus import usable_cpus
from proxy.scoring.prepared_model import prepare_apart
from proxy.scoring.text_graph import LocalTextGraph

if TYPE_CHECKING:
    from proxy.scoring.isolated_graph import IsolatedGraph
    from proxy.scoring.model_files import Head, Precision
    from proxy.scoring.prepared import PreparedModel
    from proxy.scoring.text_graph import TextGraph

Isolation: TypeAlias = Literal["thread", "process"]

_WANTED: dict[Head, str] = {
    "logit": "not a cross-encoder; a sequence-classification model with one label",
    "tokens": "a classifier; a BERT-like embedding model",
}


class LocalModel(NamedTuple):
    """A loaded model."""

    prepared: PreparedModel
    graph: TextGraph
    threads: int


async def load(
    model: str,
    *,
    name: str,
    head: Head,
    precision: Precision,
    threads: int = 0,
    isolation: Isolation = "thread",
) -> LocalModel:
    """Prepare a model if need be, and load it; 0 threads are all usable CPUs.

    Raises:
        BadConfig: there is no such model, or it ends in another head.
    """
    key = f"models.{name}.model"
    prepared = await prepare_apart(model, precision=precision, key=key)
    if prepared.head != head:
        value, _, allowed = _WANTED[head].partition("; ")
        raise BadConfig((Mistake(model, key, value, allowed),))
    threads = threads or await asyncio.to_thread(usable_cpus)
    match isolation:
        case "thread":
            graph: TextGraph = await asyncio.to_thread(LocalTextGraph, prepared)
        case "process":
            # Imported only where it is asked for.
            from proxy.scoring.isolated_graph import IsolatedGraph  # noqa: PLC0415

            graph = await when_started(IsolatedGraph(prepared, threads))
        case _:
            assert_never(isolation)
    return LocalModel(prepared, graph, threads)


async def when_started(graph: IsolatedGraph) -> IsolatedGraph:
    """Return a graph when its model is loaded; close it if that fails, or is no longer waited for.

    Raises:
        BadConfig: the model can't be loaded, or its process doesn't start.
    """
    try:
        await asyncio.wrap_future(graph.started)
    except BaseException:
        graph.close()
        raise
    return graph
