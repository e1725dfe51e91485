"""A model in a process of its own: what crashes there does not take the proxy along.

1. A call raises `GraphFailed` when the model raised; its process lives on.
2. When the process ends, the calls under way raise `GraphGone`, and so does every other call until a new
   process is ready. That one is started in the background, one at a time; a model that dies again and again
   is started ever more rarely.
3. `interrupt` ends the process, which is the only way to end a call that hangs; so all calls under way raise.
4. A process that says anything but answers is ended too.
5. The process ends with this one, however this one ends.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

from proxy.errors import BadConfig
from proxy.scoring.graph_child import GraphChild, GraphFailed, GraphGone

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from proxy.scoring.prepared import PreparedModel
    from proxy.scoring.text_graph import TextInput

__all__ = ["GraphFailed", "GraphGone", "IsolatedGraph"]

_log = logging.getLogger(__name__)

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 30.0


class IsolatedGraph:
    """A `TextGraph` whose model runs in another process, on as many threads as there are connections."""

    batch_size = 1  # as in this process: the other one has a `LocalTextGraph`

    def __init__(
        self, prepared: PreparedModel, connections: int, *, module: str = "proxy.scoring.graph_process"
    ) -> None:
        """Start the process, which runs `module`, and return at once: `started` tells how that went."""
        self._prepared = prepared
        self._connections = connections
        self._module = module
        self._closed = threading.Event()
        # The one process there is, and the same once it is ready. Only the keeper's thread writes them.
        self._child: GraphChild | None = None
        self._serving: GraphChild | None = None
        # Done when the model is loaded for the first time. Raises `BadConfig` if it can't be, or its process
        # doesn't start, and `GraphGone` if it is closed before; a graph that has not started is over.
        self.started: Future[None] = Future()
        # Those who no longer wait for it can't cancel it, so that it can always be set.
        self.started.set_running_or_notify_cancel()
        # On Linux a process dies with the thread that started it: this one stays.
        threading.Thread(target=self._keep, name="midrank-graph", daemon=True).start()

    def run(self, inputs: Sequence[TextInput]) -> list[NDArray[np.float32]]:
        """Return an array for every input; waits for a free connection if there are more calls than those.

        Raises:
            GraphFailed: the model raised.
            GraphGone: its process has ended.
        """
        child = self._serving
        if child is None:
            raise GraphGone
        return child.run(inputs)

    def interrupt(self) -> None:
        """End the process, so that all calls under way raise. Returns at once."""
        child = self._serving
        if child is not None:
            child.kill()

    def close(self) -> None:
        """End the process for good. Returns at once; it is gone a moment later."""
        self._closed.set()
        child = self._child
        if child is not None:
            child.kill()

    def _keep(self) -> None:
        """Have a process running until closed."""
        pause = 0.0
        while not self._closed.wait(pause):
            begun = time.monotonic()
            try:
                self._see_through()
            except Exception as error:  # noqa: BLE001 (somebody may wait for the start, whatever went wrong)
                if not self.started.done():
                    self.started.set_exception(GraphGone() if self._closed.is_set() else error)
                    return
                if not self._closed.is_set():
                    # The words of a `BadConfig` are about files and settings, and safe to log.
                    why = str(error) if isinstance(error, BadConfig) else type(error).__name__
                    _log.error("model process failed to start", extra={"why": why})
            pause = next_pause(pause, time.monotonic() - begun)
        if not self.started.done():
            self.started.set_exception(GraphGone())

    def _see_through(self) -> None:
        """Start a process and return when it is gone."""
        begun = time.monotonic()
        graph = self._prepared.graph.name
        self._child = child = GraphChild(self._prepared, self._connections, self._module)
        about = {"graph": graph, "pid": child.pid}
        # `close` sets its flag before it looks for a process, so one of the two sees the other.
        if self._closed.is_set():
            child.kill()
        try:
            child.wait_until_ready()
            seconds = round(time.monotonic() - begun, 3)
            _log.info("model process ready", extra={**about, "seconds": seconds})
            self._serving = child
            if not self.started.done():
                self.started.set_result(None)
            child.wait_until_over()
        finally:
            self._serving = self._child = None
            status = child.bury()
            if not self._closed.is_set():
                _log.error("model process ended", extra={**about, "status": status})


def next_pause(pause: float, lived: float) -> float:
    """Return the seconds before the next start, from those before the last one and how long it lived."""
    return SHORTEST_PAUSE if lived > LONGEST_PAUSE else min(max(SHORTEST_PAUSE, 2 * pause), LONGEST_PAUSE)
