"""midrank doctor: Diagnose a deployment: what is well, what is not, and what to do about it.

Run it where midrank runs, with its policy. Exit code 0 if nothing has failed, 1 if something has, 2 if the
policy is wrong. It changes nothing, and tells no secrets and no texts. Models of this machine are loaded only
where no midrank runs beside, as both would share the memory, or with `--load`; calls that cost something are
made with `--spend` alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from proxy.cli import admin_port
from proxy.cli.headers import header
from proxy.cli.policy_warnings import policy_warnings
from proxy.diagnosis.finding import Finding, Health, failed, ok, warning
from proxy.diagnosis.models import loaded, located
from proxy.diagnosis.redis import shared_cache
from proxy.diagnosis.running import running
from proxy.diagnosis.search import searched
from proxy.diagnosis.stores import Visit
from proxy.diagnosis.surroundings import collectors, rerank_apis, surroundings
from proxy.errors import BadConfig, Mistake
from proxy.policy_file import load_policy
from proxy.telemetry.environment import settings_from

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Iterator

    from proxy.policy import Policy

_SIGNS = {Health.OK: ("ok", "green"), Health.WARNING: ("warning", "yellow"), Health.FAILED: ("failed", "red")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("--policy", type=Path, required=True, metavar="FILE", help="the policy it runs")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument(
        "--header", action="append", default=[], metavar="'NAME: VALUE'", help="for the stores"
    )
    parser.add_argument("--load", action="store_true", help="load models even beside a running midrank")
    parser.add_argument("--spend", action="store_true", help="call models behind APIs, too")
    parser.add_argument("--query", metavar="TEXT", help="also search for it, through midrank")
    parser.add_argument("--collection", metavar="NAME", help="where to search for it")


def run(arguments: argparse.Namespace) -> int:
    """Look at everything, print what was found; return 1 if something failed, else 0.

    Raises:
        BadConfig: the policy or the command line is wrong.
    """
    if (arguments.query is None) != (arguments.collection is None):
        wanted = "--query TEXT and --collection NAME together"
        raise BadConfig((Mistake("(command line)", "--query", "one without the other", wanted),))
    policy = load_policy(arguments.policy)
    findings = asyncio.run(_findings(policy, arguments))
    if arguments.json:
        told = [finding._asdict() for finding in findings]
        print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
    else:
        _print(findings)
    return int(any(finding.health is Health.FAILED for finding in findings))


async def _findings(policy: Policy, arguments: argparse.Namespace) -> list[Finding]:
    return [finding async for finding in _look(policy, arguments)]


async def _look(policy: Policy, arguments: argparse.Namespace) -> AsyncIterator[Finding]:
    headers = [header(written) for written in arguments.header]
    told = await asyncio.to_thread(_asked, policy)
    content = await asyncio.to_thread(arguments.policy.read_bytes)
    alone = isinstance(told, Finding)
    about_it = [told] if isinstance(told, Finding) else running(told, hashlib.sha256(content).hexdigest())
    for finding in (*_policy(policy), *surroundings(policy), located(policy), *about_it):
        yield finding
    for checks in (
        loaded(policy, local=arguments.load or alone, remote=arguments.spend),
        *(Visit(store, headers).findings(policy) for store in policy.stores),
        shared_cache(policy),
        rerank_apis(policy),
        collectors(os.environ),
    ):
        async for finding in checks:
            yield finding
    if arguments.query is not None:
        for store in policy.stores:
            yield await searched(store, arguments.collection, arguments.query, headers)


def _policy(policy: Policy) -> Iterator[Finding]:
    yield ok("policy", "valid")
    for doubt in policy_warnings(policy):
        yield warning("policy", doubt, "see docs/policy.md")
    try:
        settings_from(os.environ)
    except BadConfig as error:
        for mistake in error.mistakes:
            yield failed(f"variable {mistake.key}", mistake.value, f"it takes {mistake.allowed}")
    else:
        yield ok("variables", "OTEL_* are understood")


def _asked(policy: Policy) -> dict[str, object] | Finding:
    """Return what the running midrank says of itself, or that it doesn't; blocks."""
    admin = admin_port.admin_of(policy)
    if admin is None:
        return warning(
            "running", "not asked", "set `admin: {}` in the policy: without it nobody sees how it is"
        )
    try:
        return admin_port.ask_at(admin, "GET", "/status")
    except admin_port.Unanswered as error:
        return warning("running", str(error), "run this where midrank runs, with its policy")


def _print(findings: list[Finding]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in findings:
        word, style = _SIGNS[finding.health]
        told = Text(finding.told)
        if finding.to_do:
            told.append(f"\n-> {finding.to_do}", style)
        table.add_row(Text(word, style), escape(finding.what), told)
    console = Console()
    console.print(table)
    counts = {health: sum(one.health is health for one in findings) for health in Health}
    console.print("\n" + ", ".join(f"{count} {_SIGNS[health][0]}" for health, count in counts.items()))
