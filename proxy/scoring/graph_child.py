"""One process of a model, seen from the proxy: its start, the calls to it, its end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING

import orjson

from proxy.errors import BadConfig, Mistake
from proxy.scoring.graph_frames import BadFrame, Kind, decode_arrays, frame, receive
from proxy.scoring.text_reader import readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from proxy.scoring.prepared import PreparedModel
    from proxy.scoring.text_graph import TextInput

# A model of a gigabyte from a cold disk takes half a minute.
START_TIMEOUT = 120.0


class GraphGone(Exception):
    """The model's process has ended, and the next one is not ready yet."""


class GraphFailed(Exception):
    """The model raised; `str(error)` is the name of the exception's type."""


class GraphChild:
    """A process, and the connections to it.

    One thread starts it, waits until it is ready and then over, and buries it. Any thread may call or kill
    it, whatever state it is in.
    """

    def __init__(self, prepared: PreparedModel, connections: int, module: str) -> None:
        """Start the process; it runs `module`.

        Raises:
            BadConfig: the system has no process or no socket left.
        """
        self._prepared = prepared
        try:
            self._control, *self._connections = self._start(connections, module)
        except OSError as error:
            raise self._not_started(f"no process for the model: {error.strerror}") from error
        self.pid = self._process.pid
        self._over = False
        self._ending = threading.Lock()
        # None: the process is over, and all connections are closed.
        self._free: SimpleQueue[socket.socket | None] = SimpleQueue()
        for connection in self._connections:
            self._free.put(connection)

    def wait_until_ready(self) -> None:
        """Return when the model is loaded.

        Raises:
            BadConfig: it can't be.
        """
        self._control.settimeout(START_TIMEOUT)
        try:
            kind, body = receive(self._control)
        except (EOFError, OSError, BadFrame) as error:
            raise self._not_started("the model's process ended or hung while it was loaded") from error
        if kind is not Kind.READY:
            self.wait_until_over()
            reason, _, allowed = body.decode(errors="replace").partition("\n")
            raise BadConfig((Mistake(str(self._prepared.graph), "model", reason, allowed),))
        self._control.settimeout(None)

    def wait_until_over(self) -> None:
        """Return when the process has ended: nothing else is said on the control socket."""
        with suppress(OSError):
            self._control.recv(1)

    def run(self, inputs: Sequence[TextInput]) -> list[NDArray[np.float32]]:
        """Return an array for every input; waits for a free connection if there are more calls than those.

        Raises:
            GraphFailed: the model raised.
            GraphGone: its process has ended.
        """
        # No more of a book than the model looks at.
        texts = [one._replace(text=readable(one.text, one.max_tokens * one.windows)) for one in inputs]
        kind, body = self._exchange(frame(Kind.TEXTS, orjson.dumps([tuple(text) for text in texts])))
        if kind is Kind.RAISED:
            raise GraphFailed(body.decode(errors="replace"))
        try:
            return _arrays(kind, body, len(inputs))
        except BadFrame as error:
            self.kill()
            raise GraphGone from error

    def kill(self) -> None:
        """End the process and whatever waits for it. Returns at once."""
        with self._ending:
            if self._over:
                return
            self._process.kill()
            # The kernel may take its time, for a dump of the memory or a disk that is gone; callers don't.
            for connection in (self._control, *self._connections):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def bury(self) -> int:
        """End the process, close the connections as their calls end; return the exit status."""
        self.kill()
        with self._ending:
            # From here on the numbers of process and sockets may be given to others.
            self._over = True
        for _ in self._connections:
            connection = self._free.get()
            assert connection is not None, "only this puts it in"
            connection.close()
        self._free.put(None)
        self._control.close()
        return self._process.wait()

    def _start(self, connections: int, module: str) -> list[socket.socket]:
        """Start the process with a socket for control and the connections; return our ends of them."""
        with ExitStack() as opened:
            ours, theirs = [], []
            for _ in range(connections + 1):
                our_end, their_end = socket.socketpair()
                ours.append(opened.enter_context(our_end))
                theirs.append(opened.enter_context(their_end))
            descriptors = [end.fileno() for end in theirs]
            prepared = self._prepared
            self._process = subprocess.Popen(  # noqa: S603 (our own module)
                [
                    # -P: not what happens to be in the working directory under the name of our package.
                    *(sys.executable, "-P", "-m", module, ",".join(map(str, descriptors))),
                    *(str(prepared.graph), str(prepared.tokenizer)),
                    *(prepared.head, str(prepared.max_tokens), prepared.identity),
                ],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                pass_fds=descriptors,
                # Ctrl-C goes to a terminal's whole process group; what it means is the proxy's to say.
                start_new_session=True,
            )
            opened.pop_all()
        for end in theirs:
            end.close()
        return ours

    def _exchange(self, call: bytes) -> tuple[Kind, bytearray]:
        connection = self._free.get()
        if connection is None:
            self._free.put(None)
            raise GraphGone
        answered = False
        try:
            connection.sendall(call)
            answer = receive(connection)
            answered = True
        except (EOFError, OSError, BadFrame) as error:
            raise GraphGone from error
        finally:
            if not answered:
                # Whatever still comes in must not be taken for the answer to another call.
                self.kill()
            self._free.put(connection)
        return answer

    def _not_started(self, reason: str) -> BadConfig:
        allowed = "a model that a process of its own can load; is there enough memory?"
        return BadConfig((Mistake(str(self._prepared.graph), "isolation", reason, allowed),))


def _arrays(kind: Kind, body: bytearray, count: int) -> list[NDArray[np.float32]]:
    arrays = decode_arrays(body) if kind is Kind.ARRAYS else []
    if len(arrays) != count:
        raise BadFrame("not the answer to the call")
    return arrays


# What a process of Python needs of the environment; the keys of stores and collectors are not among it.
_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "LANG", "LC_", "LD_", "DYLD_", "MALLOC_", "PYTHON")


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key.startswith(_KEPT_VARIABLES)}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
