"""The composition root: what runs in one process, and which policy is in use; start, reload, drain, stop.

Listeners open first and pass everything through; models load behind them: the app never waits for midrank.
A policy that takes over has its models loaded before: no search finds it cold.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from proxy.errors import BadConfig
from proxy.exported import export_figures
from proxy.generation import KINDS, Generation
from proxy.leases import Leases
from proxy.listeners.admin import AdminListener
from proxy.named_files import NO_STAMPS
from proxy.operations import Operations
from proxy.pulse import Pulse
from proxy.reloads import Reloads
from proxy.scorers import build_scorer
from proxy.tasks import CLOSE_TIMEOUT, Tasks
from proxy.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxy.caches import Caches
    from proxy.leases import Holding
    from proxy.named_files import Stamps
    from proxy.policy import Model, Policy
    from proxy.policy_scoring import Scoring
    from proxy.proof import Steps
    from proxy.scoring.base import ModelScorer
    from proxy.scoring.ranker import Ranker

# Seconds that requests at an address which a new policy has no more may take to end.
RETIRED_DRAIN = 30.0


class App:
    """Everything that runs in one process."""

    def __init__(
        self,
        policy: Policy,
        *,
        files: Stamps = NO_STAMPS,
        scorers: Mapping[str, ModelScorer] | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        """Build, on the event loop, what the policy describes; `files` are the stamps of those that it names.

        `scorers` stand in for models of the same name, for tests.

        Raises:
            BadConfig: some setting can't be followed.
        """
        self.reloads = Reloads()
        self._stand_ins = scorers or {}
        self._telemetry = telemetry or Telemetry()
        self._pulse = Pulse()
        self._leases = Leases()
        self._now = self._generation(policy, files, self._leases.holding())
        self.operations = Operations(lambda: self._now, self.reloads, self._telemetry, self._pulse)
        self._admin = self._admin_of(policy)
        self._tasks = Tasks()
        # Policies that were in use, and still have requests to finish.
        self._retiring: dict[Generation, asyncio.Task[None]] = {}
        # One policy takes over at a time; of those who wait for their turn, only the last to come has it.
        self._turn = asyncio.Lock()
        self._comers = 0
        self._loading: asyncio.Task[None] | None = None

    @property
    def policy(self) -> Policy:
        """The policy in use."""
        return self._now.policy

    @property
    def caches(self) -> Caches:
        """The caches in use."""
        return self._now.caches

    @property
    def addresses(self) -> dict[str, tuple[str, int]]:
        """The bound host and port of every store's listener, by store name; none once closed."""
        return self._now.addresses

    @property
    def rerank_api_address(self) -> tuple[str, int] | None:
        """The bound host and port of the rerank API, if the policy has one."""
        return self._now.rerank_api_address

    @property
    def feedback_address(self) -> tuple[str, int] | None:
        """The bound host and port of the feedback listener, if the policy has one."""
        return self._now.feedback_address

    @property
    def admin_address(self) -> tuple[str, int] | None:
        """The bound host and port of the admin listener, if the policy has one."""
        return self._admin.address if self._admin else None

    def ranker(self, scoring: Scoring) -> Ranker:
        """Return what ranks by a scoring of the policy's, once started: for who has candidates of his own."""
        return self._now.ranker(scoring)

    # --- start ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the listeners, then load the models behind them.

        Raises:
            BadConfig: an address can't be bound.
        """
        self._tasks.spawn(self._pulse.run(), "pulse")
        export_figures(self._telemetry, self._figures, self._tasks)
        try:
            await self._now.start()
            if self._admin:
                await self._admin.start()
        except BadConfig:
            await self.close()
            raise

    async def loaded(self) -> None:
        """Wait until every model is ready or has failed."""
        await self._now.loaded()

    # --- reload ---------------------------------------------------------------------------------

    async def reload(self, policy: Policy, files: Stamps = NO_STAMPS) -> bool:
        """Have another policy take over, once its models are loaded; what has begun ends as it began.

        Returns False if it was given up meanwhile, for a later one or since the end has come.

        Raises:
            BadConfig: it can't be followed; the policy in use stays.
        """
        wanted = self._give_up_others()
        async with self._turn:
            if not wanted() or self.reloads.draining:
                return False
            async with AsyncExitStack() as undo:
                holding = self._leases.holding()
                undo.push_async_callback(holding.release, *KINDS)
                new = self._generation(policy, files, holding)
                undo.push_async_callback(new.close)
                await new.start(self._now)
                self._loading = self._tasks.spawn(new.loaded(), "load policy")
                await asyncio.wait([self._loading])
                if not wanted():
                    return False
                new.check_loaded()
                await self._change_admin(policy)
                undo.pop_all()
            before = self._now
            await new.succeed(before)
            self._now = new
            self.reloads.take()
            self._retiring[before] = self._tasks.spawn(self._retire(before), "retire policy")
            return True

    async def retired(self) -> None:
        """Wait until nothing is left of policies that were in use before."""
        if self._retiring:
            await asyncio.wait(self._retiring.values())

    def _give_up_others(self) -> Callable[[], bool]:
        """Give up what is being loaded, and return what says whether nobody has come since."""
        self._comers += 1
        number = self._comers
        if self._loading is not None:
            self._loading.cancel()
        return lambda: number == self._comers

    async def _change_admin(self, policy: Policy) -> None:
        """Let operators in where and as a new policy says.

        Raises:
            BadConfig: the address can't be bound; the old one stays.
        """
        before, wanted = self.policy.admin, policy.admin
        if wanted == before:
            return
        old, new = self._admin, self._admin_of(policy)
        if old and new and before and wanted and before.listen == wanted.listen:
            new.succeed(old)
            self._admin = new
            return
        if new:
            await new.start()
        self._admin = new
        if old:
            await old.close(0)

    async def _retire(self, former: Generation) -> None:
        try:
            await former.stop(RETIRED_DRAIN)
            await former.close()
        finally:
            del self._retiring[former]

    # --- stop -----------------------------------------------------------------------------------

    def drain(self) -> None:
        """Go on, but be ready no more, and have clients connect elsewhere: the end is near."""
        self.reloads.draining = True
        self._give_up_others()
        self._now.drain()

    async def stop(self, patience: float) -> int:
        """Stop listening, but for operators, and give requests under way `patience` seconds.

        Returns how many were cut off then. Called again meanwhile, the shorter patience counts.
        """
        self.drain()
        return sum(await asyncio.gather(*(each.stop(patience) for each in (self._now, *self._retiring))))

    async def close(self, patience: float = 0.0) -> int:
        """Stop, and let go of everything; returns how many requests were cut off."""
        cut_off = await self.stop(patience)
        async with self._turn:  # a policy that is given up has let go of its own
            if self._retiring:
                await asyncio.wait(self._retiring.values(), timeout=CLOSE_TIMEOUT)
            await self._now.close()
        if self._admin:
            await self._admin.close(0)
        await self._tasks.close()
        return cut_off

    def _generation(self, policy: Policy, files: Stamps, holding: Holding) -> Generation:
        return Generation(
            policy,
            holding,
            build=self._build,
            telemetry=self._telemetry,
            pulse=self._pulse,
            files=files,
        )

    def _build(self, name: str, model: Model) -> ModelScorer:
        return self._stand_ins.get(name) or build_scorer(name, model)

    def _admin_of(self, policy: Policy) -> AdminListener | None:
        return AdminListener(policy.admin, self.operations) if policy.admin else None

    def _figures(self) -> Mapping[str, Callable[[], Steps]]:
        """Return what tells figures, by the name of their table."""
        return {
            "loop": lambda: iter([((), {"lag": self._pulse.lag})]),
            "policy": lambda: iter([((), self.reloads.figures())]),
            "reloads": lambda: iter(
                ((result,), {"reloads": float(count)}) for result, count in self.reloads.results()
            ),
            **self._now.figures(),
        }
