"""How commands ask a running midrank: at its admin address, which its policy or the command line tells."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from pydantic import TypeAdapter, ValidationError

from proxy.errors import BadConfig, Mistake
from proxy.policy_base import Address, split_address
from proxy.policy_file import load_policy

if TYPE_CHECKING:
    import argparse

# Seconds; clearing a cache waits for Redis, which has deadlines of its own.
TIMEOUT = 10.0
# A process that listens on every address is asked on this machine's own: others it would refuse to obey.
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here


class Unanswered(Exception):
    """There is no answer, or it is a refusal; the message is for the operator."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where the process is, and how its answer is printed."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--policy", type=Path, metavar="FILE", help="the policy that the process runs")
    where.add_argument("--admin", metavar="HOST:PORT", help="the process's admin address")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def ask(arguments: argparse.Namespace, method: str, path: str) -> dict[str, object]:
    """Return the object that the process answers.

    Raises:
        Unanswered: nobody answers, or not with a 200 or 202, or not with what midrank says.
        BadConfig: neither the policy nor the command line tells where to ask.
    """
    listens, port = split_address(_admin_address(arguments))
    host = LOOPBACK.get(listens, listens)
    place = f"{f'[{host}]' if ':' in host else host}:{port}"
    # Not urllib: that would ask a proxy of the environment.
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
    except OSError as error:
        why = error.strerror or "no answer in time"
        raise Unanswered(f"{place}: {why}; is midrank running, with this admin address?") from error
    except http.client.HTTPException as error:
        raise Unanswered(f"{place}: not the admin port of a midrank") from error
    finally:
        connection.close()
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    done = response.status in (200, 202)
    if not isinstance(answer, dict) or not (done or "message" in answer):
        raise Unanswered(f"{place}: not the admin port of a midrank that has {path}")
    if not done:
        raise Unanswered(f"{place}: {answer['message']}")
    return answer


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
    return policy.admin.listen
