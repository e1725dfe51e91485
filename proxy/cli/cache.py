"""midrank cache: Tell figures of a running midrank's caches, or clear them.

It asks the process itself, through its admin address. Exit code 1 when that is not there, or refuses.
"""

from __future__ import annotations

import http.client
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from proxy.errors import BadConfig, Mistake
from proxy.policy import Address, split_address
from proxy.policy_file import load_policy

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

METHODS = {"stats": "GET", "clear": "DELETE"}
# Seconds; clearing waits for Redis, which has deadlines of its own.
TIMEOUT = 10.0
# A process that listens on every address is asked on this machine's own: else it would refuse to clear.
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here


class _Failed(Exception):
    """There is no answer, or it is a refusal; the message is for the operator."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("action", choices=tuple(METHODS), help="tell figures, or forget all scores")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--policy", type=Path, metavar="FILE", help="the policy that the process runs")
    where.add_argument("--admin", metavar="HOST:PORT", help="the process's admin address")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Ask, print the answer and return 0; return 1 where there is none, mistakes leave as `BadConfig`."""
    host, port = split_address(_admin_address(arguments))
    try:
        answer = _ask(METHODS[arguments.action], LOOPBACK.get(host, host), port)
    except _Failed as failed:
        print(f"midrank: {failed}", file=sys.stderr)
        return 1
    if arguments.json:
        print(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    elif arguments.action == "clear":
        print(answer.get("status", "cleared"))
    else:
        Console().print(_table(answer))
    return 0


def _admin_address(arguments: argparse.Namespace) -> str:
    if arguments.admin is not None:
        try:
            return TypeAdapter(Address).validate_python(arguments.admin)
        except ValidationError as error:
            why = "should be HOST:PORT, for example 127.0.0.1:9000"
            raise BadConfig((Mistake("(command line)", "--admin", repr(arguments.admin), why),)) from error
    policy = load_policy(arguments.policy)
    if policy.admin is None:
        why = "HOST:PORT there, or --admin for a process that was started with that"
        raise BadConfig((Mistake(str(arguments.policy), "admin", "missing", why),))
    return policy.admin


def _ask(method: str, host: str, port: int) -> dict[str, object]:
    """Return the answer's object.

    Raises:
        _Failed: nobody answers, or not with a 200 or 202, or not with what midrank says.
    """
    place = f"{f'[{host}]' if ':' in host else host}:{port}"
    # Not urllib: that would ask a proxy of the environment.
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request(method, "/cache")
        response = connection.getresponse()
        body = response.read()
    except OSError as error:
        why = error.strerror or "no answer in time"
        raise _Failed(f"{place}: {why}; is midrank running, with this admin address?") from error
    except http.client.HTTPException as error:
        raise _Failed(f"{place}: not the admin port of a midrank") from error
    finally:
        connection.close()
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    done = response.status in (200, 202)
    if not isinstance(answer, dict) or not (done or "message" in answer):
        raise _Failed(f"{place}: not the admin port of a midrank that has caches")
    if not done:
        raise _Failed(f"{place}: {answer['message']}")
    return answer


def _table(figures: Mapping[str, object]) -> Table:
    """Return a table of figures with a section for every group."""
    table = Table(show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column()
    table.add_column(justify="right")
    alone = {name: value for name, value in figures.items() if not isinstance(value, dict)}
    groups = {name: value for name, value in figures.items() if isinstance(value, dict)}
    for title, group in ({"": alone} | groups).items():
        for place, (name, value) in enumerate(group.items()):
            table.add_row("" if place else escape(title), escape(name.replace("_", " ")), _written(value))
    return table


def _written(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return escape(str(value))
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"
