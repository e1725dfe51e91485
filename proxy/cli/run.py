"""midrank run: Serve a policy: stand in front of the stores until SIGTERM or SIGINT.

    SIGTERM, SIGINT   drain, then end, see `ending`; again: cut off what is under way
    SIGHUP            read the policy file now, and have it take over even if it has not changed

What the file holds next takes over by itself, see `policy_watch`.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from functools import partial
from typing import TYPE_CHECKING

import uvloop

from proxy.app import App
from proxy.cli.ending import Ending
from proxy.cli.policy_source import add_policy_arguments, policy_from
from proxy.logs import log_to_stderr
from proxy.policy_watch import PolicyFile, PolicyWatch
from proxy.tasks import Tasks
from proxy.telemetry import telemetry_from_environment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from proxy.policy import Policy
    from proxy.policy_watch import Content
    from proxy.telemetry import TelemetrySession


# More than policies build: these come from imports, and stay.
_MANY_OBJECTS = 20_000

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add_policy_arguments(parser)
    parser.add_argument("--no-watch", action="store_true", help="reload the policy file at SIGHUP alone")
    parser.add_argument(
        "--drain-delay-seconds",
        type=_seconds,
        metavar="S",
        default=0.0,
        help="after SIGTERM, go on for so long, so that callers see it and go elsewhere (default 0)",
    )
    parser.add_argument(
        "--drain-seconds",
        type=_seconds,
        metavar="S",
        default=5.0,
        help="then finish what is under way for up to so long (default 5)",
    )
    levels = ("debug", "info", "warning", "error")
    parser.add_argument(
        "--log-level", default="info", choices=levels, help="least level to log (default info)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT, then finish what is under way."""
    return serve(partial(policy_from, arguments), arguments)


def serve(load: Callable[[], Policy], arguments: argparse.Namespace, seconds: float | None = None) -> int:
    """Serve the policy that `load` reads until SIGTERM, SIGINT or the end of so many seconds."""
    log_to_stderr(arguments.log_level)
    # It says at every change that there was one, at the level at which we say what came of it.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    file = PolicyFile(arguments.policy, load)
    start = file.read()
    session = telemetry_from_environment(prometheus=start[0].admin is not None)
    ending = Ending(delay=arguments.drain_delay_seconds, patience=arguments.drain_seconds)
    watched = not arguments.no_watch
    try:
        uvloop.run(_serve(file, start, session, ending, watched=watched, seconds=seconds))
    finally:
        session.close()
        ending.over()
    return 0


async def _serve(
    file: PolicyFile,
    start: tuple[Policy, Content],
    session: TelemetrySession,
    ending: Ending,
    *,
    watched: bool,
    seconds: float | None,
) -> None:
    policy, content = start
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.ask)
    if seconds is not None:
        loop.call_later(seconds, ending.begin)
    gc.collect()
    gc.freeze()  # all that is imported, which stays; see `_settle`
    app = App(policy, files=content.files, telemetry=session.telemetry)
    app.reloads.sha256 = content.sha256
    tasks = Tasks()
    watch = PolicyWatch(app, file, content, taken=lambda: tasks.spawn(_settle(app), "settle"))
    loop.add_signal_handler(signal.SIGHUP, lambda: tasks.spawn(watch.look(anyway=True), "reload as asked"))
    await app.start()
    try:
        tasks.spawn(_settle(app), "settle")
        if file.path is not None and watched:
            tasks.spawn(watch.run(), "watch policy")
        await ending.begun()
    finally:
        await ending.end(app, session.close)
        await watch.close()
        await tasks.close()


async def _settle(app: App) -> None:
    """Let go of what a policy that was in use has left, and don't look at what has been imported again.

    Else a full collection stops everything for about 35 ms: the slowest percent of requests took 33 to 38 ms
    with 16 connections, and 5 to 19 ms without it. What a policy has built is a thousand objects, and takes
    0.1 ms; but a library may have come with a model.
    """
    await app.loaded()
    await app.retired()
    gc.collect()
    if len(gc.get_objects()) > _MANY_OBJECTS:
        gc.freeze()


def _seconds(text: str) -> float:
    """Return a time that has not passed yet.

    Raises:
        ValueError: it has, or is none.
    """
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError
    return seconds
