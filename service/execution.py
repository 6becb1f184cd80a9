"""One request in its worker, by whatever protocol it came."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.capture.sample_capture import Keeper
from service.deadline import Deadline
from service.models.registry import Registry
from service.models.routing import RouteRequest
from service.models.version import Version
from service.pool import InferencePool
from service.settings import Limits, Settings
from service.solving.answers import Answer
from service.solving.solver import Solver
from service.telemetry.metrics import Metrics
from service.telemetry.spans import note
from service.telemetry.stages import StageTimer
from service.uploads import UploadedPuzzle

T = TypeVar("T")


class CallerLeftError(Exception):
    """Nobody waits for the answer; no ServiceError, since there is nobody to be told."""


@dataclass(frozen=True, slots=True)
class Service:
    """What the lifespan makes and every request shares.

    Attributes:
        settings: As passed to `create_app`.
        registry: The bundles that are served, and which of them answers what.
        pool: Where the solvers run.
        metrics: What is counted.
        keeper: Keeps puzzles, where that is asked for.
    """

    settings: Settings
    registry: Registry
    pool: InferencePool
    metrics: Metrics = field(default_factory=Metrics)
    keeper: Keeper | None = None


@dataclass(slots=True)
class Job:
    """One request in its worker.

    Attributes:
        service: What all requests share.
        request_id: For the answer.
        deadline: Looked at between the steps.
        version: The bundle that answers; None before `choose`. One request never sees two.
        start: `perf_counter` when the worker took it up.
        timer: Counts the stages while it runs.
    """

    service: Service
    request_id: str
    deadline: Deadline
    version: Version | None = None
    start: float = field(default_factory=time.perf_counter)
    timer: StageTimer = field(init=False)

    def __post_init__(self) -> None:
        self.timer = StageTimer(self.deadline.check)

    @property
    def limits(self) -> Limits:
        """Limits of the service."""
        return self.service.settings.limits

    @property
    def solver(self) -> Solver:
        """Solver of the bundle that `choose` chose."""
        assert self.version is not None  # noqa: S101 - every kind of work chooses first
        return self.version.solver

    def min_confidence(self, wanted: float | None) -> float:
        """Below which an answer is an abstention, where a caller wants this; None for nothing."""
        return self.service.settings.min_confidence if wanted is None else wanted

    def choose(
        self, route: RouteRequest, picture: NDArray[np.uint8] | None, prompt: str | None = None
    ) -> None:
        """Decide which bundle answers.

        Args:
            route: What the caller says of it.
            picture: `(H, W, 3)`, whose size may decide; None for requests without one.
            prompt: Kind of prompt, where there is one.

        Raises:
            UnknownModelError: the caller names a bundle that is not served, or not for this.
        """
        size = None if picture is None else (picture.shape[1], picture.shape[0])
        self.version = self.service.registry.choose(replace(route, size=size, prompt=prompt))

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Add the time of a `with` block to a stage.

        Raises:
            DeadlineExceededError: the time is over, or nobody waits for the answer.
        """
        return self.timer.stage(name)

    def timings_ms(self) -> dict[str, float]:
        """The stages so far and the total, to a hundredth."""
        total = (time.perf_counter() - self.start) * 1000
        return {name: round(ms, 2) for name, ms in (self.timer.stages | {"total": total}).items()}

    def models(self, *roles: str) -> dict[str, str]:
        """The bundle, where it has a name, and those of its models that took part."""
        assert self.version is not None  # noqa: S101 - as above
        installed = self.version.models
        return {role: installed[role] for role in ("bundle", *roles) if role in installed}

    def answered(self, puzzle: UploadedPuzzle, answer: Answer) -> None:
        """Count the answer to a puzzle, and keep the puzzle where that is asked for."""
        assert self.version is not None  # noqa: S101 - as above
        outcome = "solved" if answer.reason is None else answer.reason
        self.service.metrics.solved(self.version.name, outcome, answer.confidence)
        note(
            {
                "clickorder.bundle": self.version.name,
                "clickorder.outcome": outcome,
                "clickorder.confidence": answer.confidence,
                "clickorder.boxes": len(answer.boxes),
            }
        )
        if self.service.keeper is not None:
            self.service.keeper.offer(puzzle, answer)


async def compute(
    service: Service,
    request_id: str,
    make: Callable[[Job], T],
    *,
    deadline: Deadline | None = None,
    gone: Coroutine[Any, Any, None] | None = None,
    patient: bool = False,
) -> T:
    """Run a job in the pool, for as long as somebody waits for it.

    Whoever is cancelled in here has left as well.

    Args:
        service: Whose pool, limits and metrics.
        request_id: For the answer.
        make: Makes the answer; runs in a worker thread.
        deadline: Deadline of the caller; None is that of the settings, from now.
        gone: Ends when the caller has left; None where that cancels this.
        patient: Whether to wait where the queue is full instead of being refused.

    Raises:
        CallerLeftError: `gone` has ended first.
        ServiceError: what `make` raises, that there is no room, or that the time is over.
    """
    deadline = deadline or Deadline(service.settings.deadline_s)

    def job() -> T:
        deadline.check()
        this = Job(service, request_id, deadline)
        try:
            return make(this)
        finally:
            service.metrics.staged(this.timer.stages)

    pool = service.pool
    run = pool.run_low_priority(job, deadline.left_s) if patient else pool.run(job)
    answer = asyncio.ensure_future(run)
    left = None if gone is None else asyncio.ensure_future(gone)
    try:
        await asyncio.wait(
            {answer} if left is None else {answer, left},
            timeout=deadline.left_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if answer.done():
            return answer.result()
        if left is not None and left.done():
            raise CallerLeftError
        raise deadline.exceeded()
    finally:
        deadline.drop()  # A job that runs ends at its next step,
        answer.cancel()  # and one that waits gives its place up.
        if left is not None:
            left.cancel()
