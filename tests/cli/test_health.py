"""`midrank health`: whether a process lives, for probes that run a command."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest

from proxy.cli import health, main
from proxy.policy_admin import AdminSettings
from tests.fakes.operated import Admin, Operated
from tests.fakes.served import served
from tests.fakes.servers import free_address, nobody_listening


def test_it_is_well_while_the_admin_port_says_so(capsys):
    with served(lambda: Admin(Operated())) as port:
        assert main(["health", "--admin", f"127.0.0.1:{port}"]) == 0
        assert capsys.readouterr().out == f"127.0.0.1:{port}/live: 200\n"
        assert main(["health", "--ready", "--admin", f"0.0.0.0:{port}"]) == 0


def test_who_drains_lives_and_is_not_ready(capsys):
    operated = Operated(states={"a": "warming"})
    operated.draining = True
    with served(lambda: Admin(operated)) as port:
        told = [
            main(["health", "--admin", f"127.0.0.1:{port}", *more]) for more in ([], ["--ready"], ["--warm"])
        ]

    assert told == [0, 1, 1]
    assert "/ready: 503" in capsys.readouterr().err


def test_nobody_is_not_well(capsys):
    with nobody_listening() as nobody:
        assert main(["health", "--admin", f"127.0.0.1:{nobody.port}"]) == 1

    assert capsys.readouterr().err.startswith(f"midrank: 127.0.0.1:{nobody.port}: ")


@pytest.mark.parametrize(
    ("admin", "variables"),
    [
        ("admin: 127.0.0.1:{port}", {}),
        ("admin: {{listen: '0.0.0.0:{port}', api_key: '${{KEY}}'}}", {}),
        ("admin: {{listen: '127.0.0.1:${{PORT:-1}}'}}", {"PORT": "{port}"}),
        ("rerank_api: {{listen: '[::]:${{NONE:-{port}}}'}}\nadmin: '127.0.0.1:{port}'", {}),
    ],
)
def test_the_policy_tells_where_to_ask(tmp_path, monkeypatch, admin, variables):
    policy = tmp_path / "policy.yaml"
    with served(lambda: Admin(Operated())) as port:
        policy.write_text(admin.format(port=port))
        for name, value in variables.items():
            monkeypatch.setenv(name, value.format(port=port))
        assert main(["health", "--policy", str(policy)]) == 0


def test_of_who_has_no_admin_port_it_is_seen_that_he_listens(tmp_path, capsys):
    policy = tmp_path / "policy.yaml"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        policy.write_text(f"stores: [{{listen: '127.0.0.1:{listener.getsockname()[1]}'}}]")
        assert main(["health", "--policy", str(policy)]) == 0

    assert "no admin port to ask" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[" * 5000,
        "x: 2001-99-99",
        "stores: []",
        "stores: 3",
        "admin: nowhere",
        "admin: 127.0.0.1:${UNSET}",
        "admin: 127.0.0.1:70000",
        "admin: a..b:1",
    ],
)
def test_a_policy_that_does_not_tell_is_not_well(tmp_path, capsys, text):
    policy = tmp_path / "policy.yaml"
    policy.write_text(text)

    assert main(["health", "--policy", str(policy)]) == 1
    assert capsys.readouterr().err.startswith("midrank: ")
    assert main(["health", "--policy", str(tmp_path / "gone")]) == 1


def test_it_waits_for_who_is_about_to_come():
    address = free_address()
    asked = []
    waiting = threading.Thread(
        target=lambda: asked.append(main(["health", "--wait", "30", "--admin", f"127.0.0.1:{address.port}"]))
    )
    waiting.start()

    admin = Admin(Operated(), address=f"127.0.0.1:{address.port}")
    with served(lambda: admin):
        waiting.join(30)

    assert asked == [0]


def test_the_default_is_the_policy_s():
    assert AdminSettings().listen == health.DEFAULT_ADMIN


def test_it_imports_next_to_nothing():
    """Else every probe would cost seconds of a CPU that searches are ranked with."""
    seen = "import sys; from proxy.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", seen, "health", "--admin", "127.0.0.1:1"]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)

    assert not {"pydantic", "numpy", "aiohttp", "rich", "orjson", "yaml", "asyncio"} & set(
        done.stderr.decode().split()
    )
