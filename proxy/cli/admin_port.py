"""How commands ask a running midrank: at its admin address, which its policy or the command line tells."""

from __future__ import annotations

import http.client
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError

from proxy.errors import BadConfig, Mistake
from proxy.places import Place, asked_at
from proxy.policy_base import Address
from proxy.policy_file import load_policy

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from proxy.policy import Policy

# Seconds; clearing a cache waits for Redis, which has deadlines of its own.
TIMEOUT = 10.0
# Holds the key of a process that is named by its address; that of one named by its policy is in there.
KEY_VARIABLE = "MIDRANK_ADMIN_KEY"


class Unanswered(Exception):
    """There is no answer, or it is a refusal; the message is for the operator."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where the process is, and how its answer is printed."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--policy", type=Path, metavar="FILE", help="the policy that the process runs")
    where.add_argument("--admin", metavar="HOST:PORT", help="the process's admin address")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


class Admin(NamedTuple):
    """Where a process is asked, and with which key, if there is one."""

    place: Place
    key: str | None = None


def answered(
    arguments: argparse.Namespace, method: str, path: str, show: Callable[[Mapping[str, object]], None]
) -> int:
    """Ask, have the answer shown, or print it as JSON, and return 0; say why there is none, and return 1.

    Raises:
        BadConfig: neither the policy nor the command line tells where to ask.
    """
    try:
        answer = ask(arguments, method, path)
    except Unanswered as failed:
        print(f"midrank: {failed}", file=sys.stderr)
        return 1
    if arguments.json:
        print(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    else:
        show(answer)
    return 0


def ask(arguments: argparse.Namespace, method: str, path: str) -> dict[str, object]:
    """Return the object that the process answers.

    Raises:
        Unanswered: nobody answers, or not with a 200 or 202, or not with what midrank says.
        BadConfig: neither the policy nor the command line tells where to ask.
    """
    return ask_at(_admin(arguments), method, path)


def ask_at(admin: Admin, method: str, path: str, timeout: float = TIMEOUT) -> dict[str, object]:
    """Return the object that the process at a place answers, within so many seconds of silence.

    Raises:
        Unanswered: as above.
    """
    # Not urllib: that would ask a proxy of the environment.
    place, key = admin
    connection = http.client.HTTPConnection(*place, timeout=timeout)
    try:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        body = response.read()
    except UnicodeError as error:
        raise Unanswered(f"{place}: no name of a host") from error
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


def admin_of(policy: Policy) -> Admin | None:
    """Return where a policy's process is asked; None where it can't be."""
    if policy.admin is None:
        return None
    key = policy.admin.api_key
    return Admin(asked_at(policy.admin.listen), key.get_secret_value().strip() if key is not None else None)


def mapping(value: object) -> Mapping[str, object]:
    """Return a part of an answer that is an object; an empty one if it is none."""
    return value if isinstance(value, dict) else {}


def _admin(arguments: argparse.Namespace) -> Admin:
    if arguments.admin is not None:
        try:
            address = TypeAdapter(Address).validate_python(arguments.admin)
        except ValidationError as error:
            why = "should be HOST:PORT, for example 127.0.0.1:9000"
            raise BadConfig((Mistake("(command line)", "--admin", repr(arguments.admin), why),)) from error
        return Admin(asked_at(address), os.environ.get(KEY_VARIABLE))
    admin = admin_of(load_policy(arguments.policy))
    if admin is None:
        why = "HOST:PORT there, or --admin for a process that was started with that"
        raise BadConfig((Mistake(str(arguments.policy), "admin", "missing", why),))
    return admin
