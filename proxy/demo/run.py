"""The demo as a command: it ends with an exit code, and never leaves a server behind."""

from __future__ import annotations

import os

from proxy.demo.kept import InUse, demo_folder
from proxy.demo.report import make_console
from proxy.demo.steps import show
from proxy.evaluation.child import NotStarted, sigterm_as_ctrl_c


def run_demo(*, keep: bool = False) -> int:
    """Run the demo and return the exit code; both servers have ended when this returns.

    `keep` leaves them up until Ctrl-C.

    Raises:
        BadConfig: the built-in model is not installed.
    """
    console = make_console()
    _bypass_http_proxies()
    with sigterm_as_ctrl_c():
        try:
            show(console, demo_folder(), keep=keep)
        except (NotStarted, InUse) as error:
            console.print(f"\n{error}", style="red", markup=False)
            return 1
        except KeyboardInterrupt:
            console.print("\nStopped, and so are both servers.")
            return 0 if keep else 130
    return 0


def _bypass_http_proxies() -> None:
    """Keep loopback traffic out of a company's HTTP proxy, which `httpx` takes from the environment."""
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1")))
