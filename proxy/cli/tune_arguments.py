"""The command line of `midrank tune`: what it takes, and what of that is out of range."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from proxy.cli.outputs import unusable
from proxy.errors import BadConfig, Mistake
from proxy.tuning.points import Tokens

# What a rule may be set to, see `Candidates` and `Rule`.
_MOST_ROWS, _LONGEST_MS = 1000, 60_000.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add = parser.add_argument
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument(
        "--data", type=Path, metavar="PATH", help="a folder in BEIR's layout, or a file of judged lines"
    )
    data.add_argument("--records", type=Path, metavar="PATH", help="recorded searches, with their texts")
    add("--policy", type=Path, required=True, metavar="FILE", help="the policy to start from")
    add("--out", type=Path, required=True, metavar="FILE", help="where to write the chosen policy")
    add("--rule", type=int, metavar="N", help="its Nth rule (default: the first that is not off)")
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    add("--journal", type=Path, metavar="FILE", help="what was measured (default: OUT.journal)")
    add("--split", default="test", metavar="NAME", help="of a folder: qrels/NAME.tsv (default test)")
    add("--limit", type=int, metavar="N", help="the first N queries, or N records evenly spread")
    add("--k", type=int, default=10, metavar="N", help="rows an application asks for (default 10)")
    add("--tiers", nargs="+", type=_tier, default=[], metavar="A,B", help="models to try, best first")
    add("--depths", nargs="+", type=int, default=[], metavar="N", help="candidates to rerank")
    add(
        "--tokens",
        nargs="+",
        type=_tokens,
        default=[],
        metavar="N[:N]",
        help="max_tokens, and min_tokens of models that have it",
    )
    add("--budgets-ms", nargs="+", type=float, default=[], metavar="MS", help="budgets to try")
    add("--queries", type=int, default=50, metavar="N", help="queries of the first round (default 50)")
    add("--max-p99-ms", type=float, metavar="MS", help="most to add at p99 (default: the rule's budget)")
    add("--state", default="warm", choices=("warm", "cold"), help="are texts known? (default warm)")
    add("--reference", metavar="MODEL", help="for records: compare with it (default: the rule's first)")
    add("--max-cost", type=float, metavar="COST", help="stop before calls of LLMs cost more")


def check(arguments: argparse.Namespace) -> None:
    """Check the command line.

    Raises:
        BadConfig: something is out of range, or does not go together; all of it is named.
    """
    ranges: dict[str, tuple[float, float]] = {
        **dict.fromkeys(("limit", "queries"), (1, math.inf)),
        **dict.fromkeys(("max_cost", "max_p99_ms"), (0, math.inf)),
        "k": (1, _MOST_ROWS),
        "depths": (2, _MOST_ROWS),
        "budgets_ms": (0.001, _LONGEST_MS),
    }
    mistakes = []
    for name, (least, most) in ranges.items():
        given = getattr(arguments, name)
        for value in given if isinstance(given, list) else [] if given is None else [given]:
            if not least <= value <= most:
                allowed = f"{least:g} or more" if most == math.inf else f"{least:g} to {most:g}"
                mistakes.append(
                    Mistake("(command line)", f"--{name.replace('_', '-')}", f"{value:g}", allowed)
                )
    if arguments.reference is not None and arguments.records is None:
        allowed = "--records with it: what --data has is compared with judgments"
        mistakes.append(Mistake("(command line)", "--reference", arguments.reference, allowed))
    inputs = {"--policy": arguments.policy, "--data": arguments.data, "--records": arguments.records}
    outputs = {"--out": arguments.out, "--json": arguments.json, "--journal": journal_of(arguments)}
    mistakes += unusable(outputs, inputs)
    if mistakes:
        raise BadConfig(tuple(mistakes))


def journal_of(arguments: argparse.Namespace) -> Path:
    """Return where the journal is."""
    given: Path | None = arguments.journal
    out: Path = arguments.out
    return given or out.with_name(f"{out.name}.journal")


def _tier(words: str) -> tuple[str, ...]:
    return tuple(name for name in words.split(",") if name)


def _tokens(words: str) -> Tokens:
    most, _, least = words.partition(":")
    try:
        return Tokens(int(most), int(least) if least else None)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{words!r} should be a number, or two like 256:64") from None
