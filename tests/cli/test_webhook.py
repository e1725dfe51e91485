"""`midrank webhook` as a process of its own."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import ssl
import sys
from pathlib import Path

import aiohttp
import pytest
import yaml

from proxy.cli import main
from proxy.injection.quantities import amount
from tests.fakes.certificates import Authority, mount
from tests.fakes.pods import pod, recorded

DEPLOYMENT = Path(__file__).parents[2] / "deploy" / "injector" / "base" / "deployment.yaml"
pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def files(authority, tmp_path):
    return mount(tmp_path, authority.issue())


@pytest.fixture
async def process(files, tmp_path):
    settings = tmp_path / "webhook.yaml"
    settings.write_text("image: registry/midrank:7\n")
    certificate, key = files
    pair = [f"--cert={certificate}", f"--key={key}"]
    rest = [f"--config={settings}", "--listen=127.0.0.1:0", "--drain-delay-seconds=0.2"]
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy", "webhook", *pair, *rest, stderr=asyncio.subprocess.PIPE
    )
    yield made
    if made.returncode is None:
        made.kill()
        await made.wait()


async def line(process, message):
    """Return the first line of the log with a message."""
    async for raw in process.stderr:
        told = json.loads(raw)
        if told["message"] == message:
            return told
    raise AssertionError(message)


async def test_it_answers_reviews_until_it_is_stopped(process, authority):
    at = (await line(process, "webhook listening"))["at"]
    review = recorded("create")
    review["request"]["object"] = pod({"inject": "true", "policy": "midrank"})
    trust = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=authority.pem.decode()))
    async with (
        aiohttp.ClientSession(connector=trust) as session,
        session.post(f"https://{at}/mutate?timeout=5s", json=review) as answer,
    ):
        told = await answer.json()

    assert told["response"]["patchType"] == "JSONPatch"
    assert (await line(process, "pod reviewed"))["outcome"] == "injected"
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


# Values, and how many of them a body can hold without being too large.
HOSTILE = {"[]": 1_000_000, '{"a":1}': 49_000, "0.5": 98_000, f'"{"e" * 14}\u00e9"': 95_000}


def bodies():
    """Yield reviews that take the most memory for their length, as strangers might send them."""
    for asks in ({}, {"inject": "true", "policy": "midrank"}):
        review = recorded("create")
        review["request"]["object"] = pod(asks)
        for value, count in HOSTILE.items():
            many = ",".join([value] * count)
            yield json.dumps(review).replace('"status": {}', f'"status": [{many}]', 1).encode()


def peak_memory(pid):
    """Return the most that a process has had, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(one.split()[1]) * 1024 for one in lines if one.startswith("VmHWM"))


def memory_limit():
    *_, deployment = yaml.safe_load_all(DEPLOYMENT.read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return amount(container["resources"]["limits"]["memory"])


async def test_whatever_is_sent_it_stays_within_its_memory(process, authority):
    """An API server is not asked who it is: anyone who reaches the port can send anything."""
    at = (await line(process, "webhook listening"))["at"]
    trust = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=authority.pem.decode()))
    async with aiohttp.ClientSession(connector=trust) as session:

        async def send(body):
            async with session.post(f"https://{at}/mutate", data=io.BytesIO(body)) as answer:
                return answer.status

        statuses = await asyncio.gather(*(send(body) for body in [*bodies()] * 3))

    assert set(statuses) <= {200, 400, 408}
    assert peak_memory(process.pid) < memory_limit()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "--cert, --key: No such file or directory"),
        (["--listen", "8443"], "--listen: '8443' - should be HOST:PORT, for example 0.0.0.0:8443"),
        (["--config", "/none.yaml"], "/none.yaml: (file): No such file or directory"),
    ],
)
def test_a_wrong_command_line_is_told(files, arguments, expected, capsys):
    certificate, key = files
    pair = ["--cert", str(certificate), "--key", str(key if arguments else key.with_name("none"))]

    assert main(["webhook", *pair, *arguments]) == 2
    assert expected in capsys.readouterr().err
