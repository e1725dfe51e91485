"""What the proxy and a model's process say to each other: frames on a socket, as plain as they can be.

A frame is a kind (one byte), the length of its body (four bytes, little-endian) and the body:

TEXTS     to the model: a JSON list of lists, the fields of a `TextInput` each
ARRAYS    its answer: an array for each of them, as `encode_arrays` has it
RAISED    its other answer: the name of the exception's type, and no more, for a message may quote a text
READY     the model is loaded; no body
REFUSED   it can't be: the value and what is allowed of a `Mistake`, a line each
"""

from __future__ import annotations

import math
import struct
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

    from numpy.typing import NDArray

# Thirty-two texts of eight windows of 512 tokens with 384 dimensions take 200 MB.
MAX_BODY = 256 * 2**20
_MAX_AXES = 4
_HEAD = struct.Struct("<BI")


class Kind(IntEnum):
    """What a frame is about."""

    TEXTS = 1
    ARRAYS = 2
    RAISED = 3
    READY = 4
    REFUSED = 5


class BadFrame(Exception):
    """Bytes that are no frame, or a frame larger than any may be."""


def frame(kind: Kind, body: bytes = b"") -> bytes:
    """Return the bytes to send.

    Raises:
        BadFrame: the body is too large.
    """
    if len(body) > MAX_BODY:
        raise BadFrame("too large to send")
    return _HEAD.pack(kind, len(body)) + body


def receive(connection: socket.socket) -> tuple[Kind, bytearray]:
    """Wait for a frame; return its kind and body.

    Raises:
        BadFrame: something else came.
        EOFError: the other side is gone.
        OSError: the connection broke, or its timeout has passed.
    """
    kind, length = _HEAD.unpack(_exactly(connection, _HEAD.size))
    if length > MAX_BODY:
        raise BadFrame("too large to receive")
    try:
        return Kind(kind), _exactly(connection, length)
    except ValueError as error:
        raise BadFrame("of no known kind") from error


def encode_arrays(arrays: Iterable[NDArray[np.float32]]) -> bytes:
    """Return number of axes, shape and values of each array, float32 in C order."""
    parts = []
    for array in arrays:
        parts.append(struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape))
        parts.append(array.astype("<f4", copy=False).tobytes())
    return b"".join(parts)


def decode_arrays(body: bytes | bytearray) -> list[NDArray[np.float32]]:
    """Return what was encoded, as arrays of their own.

    Raises:
        BadFrame: no arrays were.
    """
    arrays = []
    start = 0
    while start < len(body):
        axes = body[start]
        values = start + 1 + 4 * axes
        if axes > _MAX_AXES or values > len(body):
            raise BadFrame("no arrays")
        shape = struct.unpack_from(f"<{axes}I", body, start + 1)
        count = math.prod(shape)
        end = values + 4 * count
        if end > len(body):
            raise BadFrame("no arrays")
        # A copy: else who keeps one array keeps the whole body.
        arrays.append(np.frombuffer(body, "<f4", count, values).reshape(shape).astype(np.float32))
        start = end
    return arrays


def _exactly(connection: socket.socket, length: int) -> bytearray:
    received = bytearray(length)
    rest = memoryview(received)
    while rest:
        count = connection.recv_into(rest)
        if not count:
            raise EOFError
        rest = rest[count:]
    return received
