"""midrank health: Say whether a midrank on this machine lives, for HEALTHCHECK and exec probes.

Exit code 0 if it does, 1 if not. With `--ready` it also is not draining, with `--warm` its models are loaded.
It reads no more of a policy than where to ask, and imports as little as it can: a probe runs every few
seconds, on the CPU that searches are ranked with.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.places import VARIABLE, asked_at

if TYPE_CHECKING:
    import argparse

    from proxy.places import Place

# Seconds for one question.
TIMEOUT = 2.0
# Seconds between two questions of `--wait`.
PAUSE = 0.1
# Where a policy that says `admin: {}` listens; a test sees to it that it is the policy's own default.
DEFAULT_ADMIN = "127.0.0.1:9901"
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


class Unhealthy(Exception):
    """It does not live, or can't be asked; the message is for the operator."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--policy", type=Path, metavar="FILE", help="the policy that the process runs")
    where.add_argument("--admin", metavar="HOST:PORT", help="the process's admin address")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--ready", dest="path", action="store_const", const="/ready", help="and not draining")
    what.add_argument("--warm", dest="path", action="store_const", const="/warm", help="and models loaded")
    parser.set_defaults(path="/live")
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS", help="ask again for so long until it is"
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask, print one line, and return 0 if all is well, 1 if it isn't."""
    give_up = time.monotonic() + arguments.wait
    while True:
        try:
            print(_ask(*_place(arguments), arguments.path))
        except Unhealthy as error:
            if time.monotonic() + PAUSE > give_up:
                print(f"midrank: {error}", file=sys.stderr)
                return 1
            time.sleep(PAUSE)
        else:
            return 0


def _ask(place: Place, answers: bool, path: str) -> str:
    """Return what is well."""
    try:
        with socket.create_connection(place, TIMEOUT) as connection:
            if not answers:
                return f"{place} listens; the policy has no admin port to ask"
            request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode())
            answer = connection.recv(256)
    except UnicodeError as error:
        raise Unhealthy(f"{place}: no name of a host") from error
    except OSError as error:
        raise Unhealthy(f"{place}: {error.strerror or 'no answer in time'}") from error
    found = _STATUS.match(answer)
    if found is None:
        raise Unhealthy(f"{place}: not the admin port of a midrank")
    if found[1] != b"200":
        raise Unhealthy(f"{place}{path}: {found[1].decode()}")
    return f"{place}{path}: 200"


def _place(arguments: argparse.Namespace) -> tuple[Place, bool]:
    """Return where to ask, and whether that answers: who has no admin port is only seen to listen."""
    if arguments.admin is not None:
        return _read(arguments.admin), True
    # No part of the command where --admin says it all.
    import yaml  # noqa: PLC0415

    try:
        policy = yaml.safe_load(arguments.policy.read_bytes())
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unhealthy(f"{arguments.policy}: unreadable") from error
    parts = policy if isinstance(policy, dict) else {}
    admin = parts.get("admin")
    if admin is not None:
        return _read(admin.get("listen", DEFAULT_ADMIN) if isinstance(admin, dict) else admin), True
    stores = parts.get("stores")
    others = [*(stores if isinstance(stores, list) else ()), parts.get("rerank_api")]
    listens = [one["listen"] for one in others if isinstance(one, dict) and "listen" in one]
    if not listens:
        raise Unhealthy(f"{arguments.policy}: nothing in it listens")
    return _read(listens[0]), False


def _read(address: object) -> Place:
    """Return where to ask, with variables filled in."""
    try:
        return asked_at(VARIABLE.sub(lambda found: os.environ.get(found[1], found[2] or ""), str(address)))
    except ValueError as error:
        raise Unhealthy(str(error)) from error
