"""The process of a model: `python -m proxy.scoring.graph_process`, started by `IsolatedGraph` alone.

One thread for each connection answers one call after the other. The process holds nothing that would have to
be saved, so it has no shutdown: when the other end of its first socket closes, however that came about, it is
gone. Signals that stop a server are for the proxy, which finishes what is under way before it closes.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

import orjson

from proxy.errors import BadConfig
from proxy.scoring.graph_frames import BadFrame, Kind, encode_arrays, frame, receive
from proxy.scoring.prepared import PreparedModel
from proxy.scoring.text_graph import LocalTextGraph, TextInput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.scoring.model_files import Head
    from proxy.scoring.text_graph import TextGraph


def run_process(arguments: Sequence[str], load: Callable[[PreparedModel], TextGraph]) -> int:
    """Load the model that the command line names and serve it; return the exit status.

    The arguments are the sockets' descriptors, separated by commas, and the fields of a `PreparedModel`.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _die_with_parent()
    descriptors, graph, tokenizer, head, max_tokens, identity = arguments
    control, *connections = [socket.socket(fileno=int(number)) for number in descriptors.split(",")]
    prepared = PreparedModel(Path(graph), Path(tokenizer), cast("Head", head), int(max_tokens), identity)
    try:
        model = load(prepared)
    except BadConfig as error:
        mistake = error.mistakes[0]
        control.sendall(frame(Kind.REFUSED, f"{mistake.value}\n{mistake.allowed}".encode()))
        return 1
    serve(model, control, connections)
    return 0


def serve(model: TextGraph, control: socket.socket, connections: Sequence[socket.socket]) -> None:
    """Say that the model is ready, and answer calls until the other end of `control` closes."""
    for connection in connections:
        threading.Thread(target=answer_calls, args=(model, connection), daemon=True).start()
    # An error is the proxy's end as well.
    with suppress(OSError):
        control.sendall(frame(Kind.READY))
        while control.recv(1):
            pass


def answer_calls(model: TextGraph, connection: socket.socket) -> None:
    """Answer the calls of one connection until it ends, and close it."""
    with connection:
        while True:
            try:
                _, body = receive(connection)
                connection.sendall(_answer(model, body))
            except (EOFError, OSError, BadFrame):
                return


def _answer(model: TextGraph, body: bytearray) -> bytes:
    try:
        inputs = [TextInput(*fields) for fields in orjson.loads(body)]
        return frame(Kind.ARRAYS, encode_arrays(model.run(inputs)))
    except BaseException as error:  # noqa: BLE001 (a model may raise anything; the caller is told)
        return frame(Kind.RAISED, type(error).__name__.encode())


def _die_with_parent() -> None:
    """Have this process killed with its parent: one that hangs or is stopped sees no socket close."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


if __name__ == "__main__":
    status = run_process(sys.argv[1:], LocalTextGraph)
    # Not `sys.exit`: it would take the interpreter down under the threads that are still inside the model.
    os._exit(status)
