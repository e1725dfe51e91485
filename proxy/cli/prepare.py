"""midrank prepare: export and quantise a model once, so that serving starts at once.

A model that ships an ONNX file is used as it is; others are exported, BERT-like ones without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from proxy.scoring.model_files import BUILT_IN_MODEL
from proxy.scoring.prepared_model import prepare

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "model",
        nargs="?",
        default=BUILT_IN_MODEL,
        help="local directory or hub id (default: the built-in one)",
    )
    parser.add_argument("--precision", choices=("int8", "fp32"), default="int8")
    parser.add_argument(
        "--every-cpu",
        action="store_true",
        help="also for CPUs unlike this one, as for an image that runs on other machines",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prepare the model and say where it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("reading", total=None)
        prepared = prepare(
            arguments.model,
            precision=arguments.precision,
            every_cpu=arguments.every_cpu,
            progress=lambda step, total, label: bar.update(
                task, completed=step, total=total, description=label
            ),
        )
    print(prepared.graph)
    return 0
