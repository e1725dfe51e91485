"""The policy file while midrank runs: what changes in it takes over, and what is wrong with it is told.

    a change        the file, or one that it names (`named_files`), has another content than before
    read            parsed, models located, proof checked: nothing is touched before it is known to be right
    taken           its models are loaded and it answers; what has begun ends under the policy before
    rejected        one line in the log with all its mistakes; the policy in use stays

A ConfigMap is a folder in which a link is put in the place of another; a watch on the file would be lost with
the first change. So the folder is watched, and, since watches fail silently on some file systems and may miss
one of two quick changes, looked at now and then. Of changes that follow each other quickly the last one wins,
however long another takes to load.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from watchfiles import awatch

from proxy.errors import BadConfig, Mistake
from proxy.footing import on_this_machine
from proxy.named_files import stamps
from proxy.proof import check_proof
from proxy.scorers import locate_models
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from proxy.named_files import Stamps
    from proxy.policy import Policy
    from proxy.reloads import Reloads

# Seconds between two looks where no change is told.
LOOK_EVERY = 5.0
# Milliseconds without a change until those before are looked at: an editor makes several in a row. And within
# which that happens anyway. The watch wakes up once a step, which is 0.04 % of a CPU.
_QUIET_MS = 250
_LATEST_MS = 1000

_log = logging.getLogger(__name__)


class Reloadable(Protocol):
    """What follows policies, see `App`."""

    @property
    def policy(self) -> Policy:
        """The policy in use."""
        ...

    @property
    def reloads(self) -> Reloads:
        """Where it is noted what came of a file."""
        ...

    async def reload(self, policy: Policy, files: Stamps) -> bool:
        """Have a policy take over; False if it was given up for a later one.

        Raises:
            BadConfig: it can't be followed.
        """
        ...


class Content(NamedTuple):
    """What tells one content of the file, and of those that it names, from the next."""

    sha256: str  # "" without a file
    files: Stamps


class PolicyFile:
    """A policy as it is on disk. Everything here blocks."""

    def __init__(self, path: Path | None, load: Callable[[], Policy]) -> None:
        """Take where it is, None where flags describe it, and what reads it."""
        self.path = path
        self._load = load

    def read(self) -> tuple[Policy, Content]:
        """Return the policy, and what it was read from.

        Raises:
            BadConfig: something in it is wrong, or a file that it needs is not there.
        """
        # The digest comes first: what changes in between is a change from it.
        sha256 = self._sha256()
        policy = self._load()
        files = stamps(policy)
        locate_models(policy)
        check_proof(policy)
        return on_this_machine(policy), Content(sha256, files)

    def content(self, policy: Policy) -> Content:
        """Return what is there now of the file, and of those that a policy names."""
        return Content(self._sha256(), stamps(policy))

    def _sha256(self) -> str:
        try:
            return "" if self.path is None else hashlib.sha256(self.path.read_bytes()).hexdigest()
        except OSError:
            return ""


class PolicyWatch:
    """Has an app follow its policy file."""

    def __init__(
        self,
        app: Reloadable,
        file: PolicyFile,
        content: Content,
        *,
        taken: Callable[[], object] = lambda: None,
        look_every: float = LOOK_EVERY,
    ) -> None:
        """Take the app, its file, what the policy in use was read from, and what to call after a reload."""
        self._app = app
        self._file = file
        self._seen = self._in_use = content
        self._read = app.policy  # the last that could be read: whose files are looked at
        self._taken = taken
        self._look_every = look_every
        self._looking = asyncio.Lock()
        self._tasks = Tasks()

    async def run(self) -> None:
        """Watch until cancelled."""
        assert self._file.path is not None, "flags don't change"
        folder = self._file.path.parent
        try:
            async for _ in awatch(
                folder,
                watch_filter=None,
                recursive=False,
                step=_QUIET_MS,
                debounce=_LATEST_MS,
                rust_timeout=round(self._look_every * 1000),
                yield_on_timeout=True,
            ):
                await self.look()
        except Exception as error:  # noqa: BLE001 (OSError, RuntimeError, a group of these: its own affair)
            # The folder is not there, or others have used up the watches that the kernel has to give: 128 for
            # one user id, on a node all containers of that id together.
            _log.warning("policy is looked at, not watched", extra={"error": type(error).__name__})
        while True:
            await asyncio.sleep(self._look_every)
            await self.look()

    async def look(self, *, anyway: bool = False) -> None:
        """Read what has changed, and have it take over behind all else; `anyway`: what hasn't, too."""
        async with self._looking:
            content = await asyncio.to_thread(self._file.content, self._read)
            if content == self._seen and not anyway:
                return
            self._seen = content
            try:
                policy, content = await asyncio.to_thread(self._file.read)
            except Exception as error:  # noqa: BLE001 (whatever is in a file, the next one is read)
                self._reject(error, content.sha256)
                return
            self._seen, self._read = content, policy
            same = policy == self._app.policy and content.files == self._in_use.files
            if same and not anyway and not len(self._tasks):
                self._in_use = content
                self._app.reloads.follow("unchanged", content.sha256, latest=True)
                _log.info("policy unchanged", extra={"sha256": content.sha256})
                return
            self._tasks.spawn(self._take(policy, content), "take policy")

    async def close(self) -> None:
        """Drop what is under way."""
        await self._tasks.close()

    async def _take(self, policy: Policy, content: Content) -> None:
        begun = perf_counter()
        try:
            taken = await self._app.reload(policy, content.files)
        except Exception as error:  # noqa: BLE001 (as above)
            self._reject(error, content.sha256)
        else:
            if taken:
                self._in_use = content
                reloads = self._app.reloads
                reloads.follow("taken", content.sha256, latest=content == self._seen)
                extra = {
                    "generation": reloads.generation,
                    "sha256": content.sha256,
                    "seconds": round(perf_counter() - begun, 3),
                }
                _log.info("policy taken", extra=extra)
                self._taken()

    def _reject(self, error: Exception, sha256: str) -> None:
        """Tell what is wrong with a policy; the one in use stays."""
        if isinstance(error, BadConfig):
            mistakes, unforeseen = error.mistakes, None
        else:
            what = type(error).__name__
            mistakes, unforeseen = (Mistake("(policy)", "(file)", what, "what midrank can follow"),), error
        told = [str(mistake) for mistake in mistakes]
        reloads = self._app.reloads
        reloads.reject("\n".join(told))
        extra = {
            "mistakes": told,
            "sha256": sha256,
            "still": reloads.sha256,
            "generation": reloads.generation,
        }
        _log.error("policy rejected", extra=extra, exc_info=unforeseen)
