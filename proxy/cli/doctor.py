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
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxy.cli import admin_port
from proxy.cli.headers import header
from proxy.cli.policy_warnings import policy_warnings
from proxy.diagnosis.finding import Finding, Health, failed, ok, warning
from proxy.diagnosis.models import loaded, located
from proxy.diagnosis.redis import WHAT as REDIS
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
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from proxy.policy import Policy

_STYLES = {Health.OK: "green", Health.WARNING: "yellow", Health.FAILED: "red"}
# Characters of a line for what it is about, and seconds that the midrank that runs has to answer.
_WHAT = 27
_PATIENCE = 3.0


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
    tell = None if arguments.json else _tell
    findings = asyncio.run(_findings(policy, arguments, tell))
    if arguments.json:
        told = [finding._asdict() for finding in findings]
        print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
    else:
        counts = Counter(finding.health for finding in findings)
        print("\n" + ", ".join(f"{counts[health]} {health}" for health in Health))
    return int(any(finding.health is Health.FAILED for finding in findings))


async def _findings(
    policy: Policy, arguments: argparse.Namespace, tell: Callable[[Finding], None] | None
) -> list[Finding]:
    """Return what is found, and tell it as it is."""
    findings: list[Finding] = []
    for what, check in await _checks(policy, arguments):
        async for finding in _whole(what, check):
            findings.append(finding)
            if tell is not None:
                tell(finding)
    return findings


async def _checks(policy: Policy, arguments: argparse.Namespace) -> list[tuple[str, AsyncIterator[Finding]]]:
    """Return all there is to look at, by what it is about."""
    headers = [header(written) for written in arguments.header]
    told = await asyncio.to_thread(_asked, policy)
    alone = isinstance(told, Finding)
    checks = [
        ("policy", _each(lambda: _policy(policy))),
        ("surroundings", _each(lambda: surroundings(policy))),
        ("model files", _each(lambda: [located(policy)])),
        (
            "running",
            _each(lambda: [told] if isinstance(told, Finding) else running(told, _sha256(arguments))),
        ),
        ("models", loaded(policy, local=arguments.load or alone, remote=arguments.spend)),
        *((f"store {store.name}", Visit(store, headers).findings(policy)) for store in policy.stores),
        (REDIS, shared_cache(policy)),
        ("rerank APIs", rerank_apis(policy)),
        ("collectors", collectors(os.environ)),
    ]
    if arguments.query is not None:
        checks.append(("search", _searches(policy, arguments, headers)))
    return checks


async def _whole(what: str, check: AsyncIterator[Finding]) -> AsyncIterator[Finding]:
    """Yield what a check finds, and that it broke off if it did: the others are still of use."""
    try:
        async for finding in check:
            yield finding
    except Exception as error:  # noqa: BLE001 - of whatever is out there, in answers of any kind
        yield failed(what, f"not all of it was looked at: {type(error).__name__}", "please report it")


async def _each(look: Callable[[], Iterable[Finding]]) -> AsyncIterator[Finding]:
    for finding in look():
        yield finding


async def _searches(
    policy: Policy, arguments: argparse.Namespace, headers: list[tuple[str, str]]
) -> AsyncIterator[Finding]:
    for store in policy.stores:
        yield await searched(store, arguments.collection, arguments.query, headers)


def _sha256(arguments: argparse.Namespace) -> str:
    return hashlib.sha256(arguments.policy.read_bytes()).hexdigest()


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
        return admin_port.ask_at(admin, "GET", "/status", _PATIENCE)
    except admin_port.Unanswered as error:
        return warning("running", str(error), "run this where midrank runs, with its policy")


def _tell(finding: Finding) -> None:
    """Print a finding, in columns that are the same for all."""
    row = Table.grid(padding=(0, 2))
    row.add_column(width=7)
    row.add_column(width=_WHAT, overflow="fold")
    row.add_column(overflow="fold")
    style = _STYLES[finding.health]
    told = Text(finding.told)
    if finding.to_do:
        told.append(f"\n-> {finding.to_do}", style)
    row.add_row(Text(finding.health, style), Text(finding.what), told)
    Console().print(row)
