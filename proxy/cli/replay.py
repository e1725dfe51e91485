"""midrank replay: Answer recorded searches again under other policies, without the store.

Exit code 1 when no recorded search can be replayed, models are out of reach or --json can't be written, 3
when --max-cost does not allow the next call.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import uvloop

from proxy.cli.outputs import unusable
from proxy.cli.progress import bar
from proxy.errors import BadConfig, Mistake
from proxy.evaluation.judged import read, read_documents
from proxy.evaluation.kept_vectors import write_whole
from proxy.logs import log_to_stderr
from proxy.offline.choice import scorers_of, without_stores
from proxy.offline.workplace import OutOfMoney, Stopped
from proxy.policy_file import load_policy
from proxy.records.reader import Records
from proxy.records.recorded import RecordedSearch
from proxy.scorers import locate_models
from proxy.scoring.llm.spending import Purse
from proxy.tuning.cases import recorded_case, spread
from proxy.tuning.repeats import same_query
from proxy.tuning.replay import Replay, Replayable, as_recorded, replayed, stores_own
from proxy.tuning.replay_table import replay_table
from proxy.tuning.tables import make_console
from proxy.tuning.texts import Texts

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from proxy.evaluation.judged import JudgedQuery
    from proxy.policy import Policy


OUT_OF_MONEY = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add = parser.add_argument
    add("--records", type=Path, required=True, metavar="PATH", help="a folder of records, or a file of them")
    add("--policy", type=Path, action="append", required=True, metavar="FILE", help="may be repeated")
    add("--judged", type=Path, metavar="PATH", help="answers that are known, as `midrank eval` takes them")
    add("--split", default="test", metavar="NAME", help="of a folder: qrels/NAME.tsv (default test)")
    add("--texts", type=Path, metavar="FILE", help="corpus.jsonl with the texts that records lack")
    add("--limit", type=int, default=1000, metavar="N", help="searches, evenly spread (default 1000)")
    add("--state", default="warm", choices=("warm", "cold"), help="are texts known? (default warm)")
    add("--max-cost", type=float, metavar="COST", help="stop before calls of LLMs cost more")
    add("--json", type=Path, metavar="FILE", help="write all figures there")


def run(arguments: argparse.Namespace) -> int:
    """Replay, print how it compares, and say what could not be replayed; mistakes leave as `BadConfig`."""
    log_to_stderr("warning")
    _check(arguments)
    policies = [load_policy(file) for file in arguments.policy]
    purse = Purse() if arguments.max_cost is None else Purse(arguments.max_cost)
    for policy in policies:
        used = without_stores(policy, *(rule for rule in policy.rules if rule.mode != "off"))
        locate_models(used)
        scorers_of(used, purse, bounded=arguments.max_cost is not None)
    queries = read(arguments.judged, arguments.split).queries if arguments.judged else ()
    searches, without_texts = _searches(arguments, policies[0], queries)
    if not searches:
        _say(_missing(without_texts) if without_texts else "there are no searches in these records")
        return 1
    taken = spread(searches, arguments.limit)
    answers = [stores_own(taken), as_recorded(taken)]
    try:
        with bar("replaying", len(taken) * len(policies)) as moving:
            for file, policy in zip(arguments.policy, policies, strict=True):
                again = replayed(
                    file.stem, policy, taken, state=arguments.state, purse=purse, done=moving.advance
                )
                answers.append(uvloop.run(again))
    except Stopped as stopped:
        out_of_money = isinstance(stopped, OutOfMoney)
        _say("stopped, as the next call might exceed --max-cost" if out_of_money else f"stopped: {stopped}")
        return OUT_OF_MONEY if out_of_money else 1
    asked = tuple(case.query for _, case in taken)
    replay = Replay(tuple(answers), asked, _relevant(asked, queries), without_texts)
    make_console().print(replay_table(replay))
    if len(taken) < len(searches):
        _say(f"{len(taken)} of {len(searches)} searches were replayed, evenly spread: see --limit")
    if without_texts:
        _say(_missing(without_texts))
    if arguments.json is not None:
        try:
            write_whole(arguments.json, orjson.dumps(replay.as_json(), option=orjson.OPT_INDENT_2))
        except OSError as error:
            _say(f"{error.filename}: {error.strerror}")
            return 1
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Check the command line.

    Raises:
        BadConfig: something is out of range; all of it is named.
    """
    mistakes = []
    if arguments.limit < 1:
        mistakes.append(Mistake("(command line)", "--limit", str(arguments.limit), "1 or more"))
    inputs = {"--records": arguments.records, "--judged": arguments.judged, "--texts": arguments.texts}
    policies = {f"--policy {file}": file for file in arguments.policy}
    mistakes += unusable({"--json": arguments.json}, inputs | policies)
    if mistakes:
        raise BadConfig(tuple(mistakes))


def _searches(
    arguments: argparse.Namespace, policy: Policy, queries: Sequence[JudgedQuery]
) -> tuple[list[Replayable], int]:
    """Return the searches whose texts are known, and how many others there are."""
    documents = read_documents(arguments.texts) if arguments.texts else {}
    secret = policy.secret
    texts = Texts(
        documents,
        (query.text for query in queries),
        secret.get_secret_value().encode() if secret is not None else None,
    )
    known, unknown = [], 0
    for record in Records(arguments.records):
        if not isinstance(record, RecordedSearch):
            continue
        search = texts.filled(record)
        case = recorded_case(search)
        if case is None:
            unknown += 1
        else:
            known.append(Replayable(search, case))
    return known, unknown


def _relevant(asked: Sequence[str], queries: Sequence[JudgedQuery]) -> tuple[Mapping[str, float], ...]:
    """Return the grades of every search that was asked in the words of a judged query."""
    judged = {same_query(query.text): query.relevant for query in queries}
    return tuple(judged.get(same_query(query), {}) for query in asked)


def _missing(count: int) -> str:
    return (
        f"{count} searches can't be replayed, as their texts were not kept; with the secret that wrote them "
        "in the first --policy, --texts FILE and --judged PATH may have them"
    )


def _say(words: object) -> None:
    print(f"midrank: {words}", file=sys.stderr)
