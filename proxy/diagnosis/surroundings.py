"""What a process of this policy finds here: files, memory, CPUs, descriptors, a collector."""

from __future__ import annotations

import asyncio
import os
import resource
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from proxy.descriptors import wanted
from proxy.diagnosis.finding import failed, ok, warning
from proxy.errors import BadConfig
from proxy.memory import divide, limit_of
from proxy.policy import CrossEncoderOnnxModel, LateInteractionModel
from proxy.policy_llm import LlmModel
from proxy.policy_remote import RemoteModel
from proxy.policy_torch import CrossEncoderTorchModel
from proxy.scoring.cpus import cgroup_quota, usable_cpus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from proxy.diagnosis.finding import Finding
    from proxy.policy import Policy

# Seconds to connect.
CONNECT = 3.0


class Named(NamedTuple):
    """A file that a policy names: under which key, and if it is written, so that it need not be there."""

    key: str
    path: str
    written: bool = False


def surroundings(policy: Policy) -> Iterator[Finding]:
    """Yield what can be found out without asking anybody. Reads files."""
    yield from _files(policy)
    yield from _memory(policy)
    yield from _threads(policy)
    yield from _descriptors(policy)


def _files(policy: Policy) -> Iterator[Finding]:
    for named in _named(policy):
        path = Path(named.path)
        place = path if path.exists() or not named.written else path.parent
        if not place.exists():
            yield failed(named.key, "is not there", "mount it, or mend the path")
        elif not os.access(place, os.W_OK if named.written else os.R_OK):
            may = "written" if named.written else "read"
            yield failed(
                named.key, f"can't be {may} by user {os.getuid()}", "change its owner, or the volume"
            )
        else:
            yield ok(named.key, "writable" if named.written else "readable")


def _named(policy: Policy) -> Iterator[Named]:
    for name, model in policy.models.items():
        key = f"models.{name}"
        if isinstance(model, LateInteractionModel) and model.file is not None:
            yield Named(f"{key}.file", model.file, written=True)
        yield from _parts(key, model, "api_key_file", "ca_file", "prompt_file")
    yield from _parts("cache.redis", policy.cache.redis, "ca_file", "cert_file", "key_file")
    if policy.record is not None:
        yield Named("record.folder", policy.record.folder, written=True)
    if (guard := policy.harm_guard) is not None:
        if guard.probes is not None:
            yield Named("harm_guard.probes", guard.probes)
        if guard.file is not None:
            yield Named("harm_guard.file", guard.file, written=True)


def _parts(key: str, of: object, *names: str) -> Iterator[Named]:
    """Yield the files that a part of the policy names under these keys, as far as it has them."""
    for name in names:
        if isinstance(path := getattr(of, name, None), str):
            yield Named(f"{key}.{name}", path)


def _memory(policy: Policy) -> Iterator[Finding]:
    try:
        limit = limit_of(policy)
        division = divide(policy, limit)
    except BadConfig as error:
        yield failed(
            "memory", str(error), "raise the container's limit, or lower memory_mb of caches and models"
        )
        return
    total = division.needed + sum(division.shares.values())
    available = _available_mb()
    if limit is None and available is not None and total > available:
        yield warning(
            "memory",
            f"up to {total} MB wanted, {available} MB available",
            "set memory_limit_mb, or lower memory_mb of caches and models",
        )
    else:
        most = "no limit" if limit is None else f"a limit of {limit} MB"
        yield ok("memory", f"up to {total} MB wanted, {most}")


def _available_mb() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _threads(policy: Policy) -> Iterator[Finding]:
    cpus, quota = usable_cpus(), cgroup_quota(Path("/"))
    room = f"{cpus} CPUs" if quota is None else f"a quota of {quota:g} CPUs"
    for name in policy.used_models:
        model = policy.models[name]
        if not isinstance(model, LateInteractionModel | CrossEncoderOnnxModel | CrossEncoderTorchModel):
            continue
        if model.threads > cpus:
            yield warning(
                f"threads of {name}",
                f"{model.threads}, with {room}",
                "set threads: 0, or it is throttled in the middle of every batch",
            )
        else:
            yield ok(f"threads of {name}", f"{model.threads or cpus}, with {room}")
    if quota is not None and quota < 1:
        yield warning(
            "CPU quota", f"{quota:g} CPUs", "give it one CPU at least, or no limit: it is throttled"
        )


def _descriptors(policy: Policy) -> Iterator[Finding]:
    # Whoever serves raises the soft limit as far as this one.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = wanted(policy)
    if hard != resource.RLIM_INFINITY and most > hard:
        yield warning(
            "descriptors",
            f"{hard} allowed, up to {most} wanted",
            "raise `ulimit -n` (the container runtime's default), or lower limits.connections",
        )
    else:
        allowed = "no limit" if hard == resource.RLIM_INFINITY else f"{hard} allowed"
        yield ok("descriptors", f"{allowed}, up to {most} wanted")


async def collectors(environment: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Yield whether there is somebody at the addresses that OpenTelemetry sends to."""
    for name in sorted(environment):
        if name.startswith("OTEL_EXPORTER_OTLP_") and name.endswith("ENDPOINT") and environment[name]:
            to_do = "start the collector, or mend the variable; searches don't wait for it"
            yield await reach(name, environment[name], to_do, warns=True)


async def rerank_apis(policy: Policy) -> AsyncIterator[Finding]:
    """Yield whether there is somebody at the addresses of models behind a network. Nothing is sent."""
    for name in policy.used_models:
        model = policy.models[name]
        if isinstance(model, RemoteModel):
            # A hosted one has its own address, which `--spend` asks.
            urls = model.every_url
        elif isinstance(model, LlmModel):
            urls = (model.url,)
        else:
            continue
        for url in urls:
            to_do = "check url, DNS and egress rules; the rule's next model is asked meanwhile"
            yield await reach(f"model {name}", url, to_do)


async def reach(what: str, url: str, to_do: str, *, warns: bool = False) -> Finding:
    """Connect to where a URL points, with TLS if it says so, and hang up."""
    find = warning if warns else failed
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        tls = parts.scheme == "https"
        host, port = parts.hostname or "", parts.port or (443 if tls else 80)
    except ValueError:
        return find(what, "no URL", to_do)
    place = f"{host}:{port}"
    try:
        async with asyncio.timeout(CONNECT):
            _, writer = await asyncio.open_connection(host, port, ssl=tls or None)
    except (OSError, UnicodeError) as error:
        return find(what, f"{place}: {_why(error)}", to_do)
    writer.transport.abort()
    return ok(what, f"{place} is there")


def _why(error: OSError | UnicodeError) -> str:
    """Say in a few words why nobody was reached; what asyncio says repeats the address."""
    match error:
        case ssl.SSLError():
            return f"no TLS: {error.reason or 'broken off'}"
        case TimeoutError():
            return "no answer in time"
        case UnicodeError():
            return "no name of a host"
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number)
        case _:
            return error.strerror or "no connection"
