"""The policy a command works with: a file, or one store described by flags."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from proxy.errors import BadConfig, Mistake
from proxy.policy_file import load_policy, parse_policy

if TYPE_CHECKING:
    import argparse

    from proxy.policy import Policy

FLAGS = ("store", "upstream", "listen")


def add_policy_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--policy FILE`, or the flags that describe a single store."""
    parser.add_argument("--policy", type=Path, metavar="FILE", help="the policy to run")
    parser.add_argument("--store", metavar="KIND", help="without a file: chroma or qdrant")
    parser.add_argument("--upstream", metavar="URL", help="without a file: the store's own URL")
    parser.add_argument("--listen", metavar="HOST:PORT", help="without a file: where the app connects")
    parser.add_argument("--admin", metavar="HOST:PORT", help="where /live and /ready are served")


def policy_from(arguments: argparse.Namespace) -> Policy:
    """Return the policy that the command line asks for.

    Raises:
        BadConfig: the file or the flags are wrong.
    """
    given = [name for name in FLAGS if getattr(arguments, name) is not None]
    if arguments.policy is not None:
        if given:
            flags = ", ".join(f"--{name}" for name in given)
            raise BadConfig((Mistake("(command line)", flags, "given with --policy", "one or the other"),))
        return load_policy(arguments.policy, admin=arguments.admin)
    missing = [name for name in FLAGS if name not in given]
    if missing:
        wanted = "--policy FILE, or all of --store, --upstream and --listen"
        flags = ", ".join(f"--{name}" for name in missing)
        raise BadConfig((Mistake("(command line)", flags, "missing", wanted),))
    store = {"kind": arguments.store, "upstream": arguments.upstream, "listen": arguments.listen}
    document = {"stores": [store], **({"admin": arguments.admin} if arguments.admin else {})}
    # JSON is YAML; so flags are checked and reported exactly as a file is.
    return parse_policy(orjson.dumps(document).decode(), file="(command line)", environment=os.environ)
