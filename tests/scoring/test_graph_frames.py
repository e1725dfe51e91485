"""Frames carry calls and arrays between processes, and nothing else is taken for one."""

from __future__ import annotations

import socket
import struct
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from proxy.scoring import graph_frames
from proxy.scoring.graph_frames import BadFrame, Kind, decode_arrays, encode_arrays, frame, receive

shapes = arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def sent(ends, data):
    ours, theirs = ends
    ours.sendall(data)
    ours.shutdown(socket.SHUT_WR)
    return receive(theirs)


@pytest.mark.parametrize("kind", Kind)
def test_a_frame_arrives_as_it_was_sent(ends, kind):
    assert sent(ends, frame(kind, b"body")) == (kind, b"body")


def test_a_frame_may_have_no_body_and_another_one_behind_it(ends):
    ours, theirs = ends
    ours.sendall(frame(Kind.READY) + frame(Kind.TEXTS, b"[]"))

    assert [receive(theirs), receive(theirs)] == [(Kind.READY, b""), (Kind.TEXTS, b"[]")]


def test_a_frame_larger_than_the_socket_holds_arrives(ends):
    ours, theirs = ends
    body = bytes(2**22)
    sender = threading.Thread(target=ours.sendall, args=(frame(Kind.ARRAYS, body),))
    sender.start()

    assert receive(theirs) == (Kind.ARRAYS, body)
    sender.join()


@pytest.mark.parametrize("data", [b"", b"\x02", frame(Kind.ARRAYS, b"body")[:-1]])
def test_an_end_inside_of_a_frame_is_an_end(ends, data):
    with pytest.raises(EOFError):
        sent(ends, data)


@pytest.mark.parametrize("data", [b"Hello, world!", b"\x00\x00\x00\x00\x00", struct.pack("<BI", 2, 2**31)])
def test_what_is_no_frame_is_refused(ends, data):
    with pytest.raises(BadFrame):
        sent(ends, data)


def test_a_body_that_nobody_would_receive_is_not_sent(monkeypatch):
    monkeypatch.setattr(graph_frames, "MAX_BODY", 3)

    with pytest.raises(BadFrame):
        frame(Kind.TEXTS, b"body")


@given(st.lists(arrays.arrays(np.float32, shapes, elements=st.floats(width=32))))
def test_arrays_arrive_with_every_bit(several):
    decoded = decode_arrays(encode_arrays(several))

    assert [one.shape for one in decoded] == [one.shape for one in several]
    assert [one.tobytes() for one in decoded] == [one.tobytes() for one in several]
    assert all(one.dtype == np.float32 and one.base is None and one.flags.writeable for one in decoded)


def test_arrays_in_another_order_or_type_are_turned():
    turned = np.arange(6).reshape(2, 3).T

    (decoded,) = decode_arrays(encode_arrays([turned]))

    assert decoded.tolist() == turned.tolist()


@given(st.binary(max_size=40) | st.lists(st.integers(0, 3), max_size=40).map(bytes))
def test_arbitrary_bytes_are_arrays_or_a_bad_frame(body):
    try:
        decoded = decode_arrays(body)
    except BadFrame:
        return
    assert sum(1 + 4 * one.ndim + one.nbytes for one in decoded) == len(body)
