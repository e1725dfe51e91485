"""The model's side of the connection: calls are answered, one after the other, until it ends."""

from __future__ import annotations

import socket
import threading

import numpy as np
import orjson
import pytest

from proxy.scoring.graph_frames import Kind, decode_arrays, frame, receive
from proxy.scoring.graph_process import answer_calls, serve


class Lengths:
    """Returns the length of every text and its window; raises at an empty one."""

    def run(self, inputs):
        if not all(one.text for one in inputs):
            raise LookupError("a text that nobody may see")
        return [np.array([len(one.text), one.max_tokens], dtype=np.float32) for one in inputs]


def call(connection, body):
    connection.sendall(frame(Kind.TEXTS, body))
    return receive(connection)


@pytest.fixture
def served():
    """Return our ends of the control socket and of two connections, and the thread that serves them."""
    pairs = [socket.socketpair() for _ in range(3)]
    (control, *connections) = [theirs for _, theirs in pairs]
    thread = threading.Thread(target=serve, args=(Lengths(), control, connections))
    thread.start()
    yield [ours for ours, _ in pairs], thread
    for ours, _ in pairs:
        ours.close()
    thread.join()
    control.close()


def test_the_model_is_announced_and_served_until_the_control_socket_closes(served):
    (control, *_), thread = served

    assert receive(control) == (Kind.READY, b"")
    control.close()
    thread.join()


def test_every_connection_is_answered_by_itself(served):
    (_, *connections), _ = served

    for connection, text in zip(connections, ["a", "abc"], strict=True):
        connection.sendall(frame(Kind.TEXTS, orjson.dumps([[text, None, 40, 1], [text * 2, "q", 50, 2]])))
    for connection, length in zip(reversed(connections), [3, 1], strict=True):
        kind, body = receive(connection)
        assert kind is Kind.ARRAYS
        assert [one.tolist() for one in decode_arrays(body)] == [[length, 40], [2 * length, 50]]


@pytest.mark.parametrize(
    ("body", "name"),
    [(b'[["", null, 40, 1]]', b"LookupError"), (b"{", b"JSONDecodeError"), (b"[[]]", b"TypeError")],
)
def test_what_fails_is_told_by_its_type_alone_and_the_next_call_is_answered(served, body, name):
    (_, connection, _), _ = served

    assert call(connection, body) == (Kind.RAISED, name)
    assert call(connection, b'[["x", null, 40, 1]]')[0] is Kind.ARRAYS


@pytest.mark.parametrize("last_words", [b"", b"Hello, world!"])
def test_a_connection_that_ends_or_is_none_is_closed(last_words):
    ours, theirs = socket.socketpair()
    with ours:
        thread = threading.Thread(target=answer_calls, args=(Lengths(), theirs))
        thread.start()
        ours.sendall(last_words)
        ours.shutdown(socket.SHUT_WR)
        thread.join()

    assert theirs.fileno() == -1
