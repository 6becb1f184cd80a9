"""Offers a service twice what it can do, and looks at what becomes of it.

    python -m benchmarks.load --minutes 5 --out runs/load

A real `clickorder serve` in one process, its callers in this one, on loopback. First a few callers
that wait for their answers find out the capacity; then requests come at twice that rate, whether or
not the ones before have been answered; last, the service is told to stop while requests run.
Writes `load.json` and `load.png`, and ends with 1 where a promise is not kept.
"""

import asyncio
import json
import platform
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.callers import Answered, Callers, questions
from benchmarks.service_process import ServiceProcess, default_sets
from labels.atomic import write_atomically
from service.settings import Settings

ROOT = Path(__file__).resolve().parent.parent

_CLOSED_LOOP_CALLERS = 8
_MOST_GROWTH = 0.10


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard.

    Attributes:
        capacity_s: Seconds in which the capacity is found out.
        load_s: Seconds under load.
        warm_up_s: First seconds of these, in which memory may still grow.
        factor: Offered rate over capacity.
    """

    capacity_s: float
    load_s: float
    warm_up_s: float
    factor: float = 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened.

    Attributes:
        plan: What was planned.
        deadline_s: That the service gives itself for a request.
        capacity: Answers a second of the closed loop.
        load: Every request under load.
        memory: Seconds since the load began and resident bytes of the service.
        alive: Whether the service ran to the end of the load.
        last: The requests that ran when the service was told to stop.
        exit_code: Exit code of the service, after SIGTERM; None where it did not stop.
    """

    plan: Plan
    deadline_s: float
    capacity: float
    load: tuple[Answered, ...]
    memory: tuple[tuple[float, int], ...]
    alive: bool
    last: tuple[Answered, ...]
    exit_code: int | None

    @property
    def accepted_s(self) -> list[float]:
        """Latency of the requests that were answered, sorted."""
        return sorted(one.latency_s for one in self.load if one.status == 200)

    @property
    def memory_before(self) -> float:
        """Bytes at the end of the warm-up: the median of its last quarter."""
        end = self.plan.warm_up_s
        return _median([rss for at, rss in self.memory if 0.75 * end <= at <= end])

    @property
    def memory_after(self) -> float:
        """Bytes at the end of the load: the median of as long a time."""
        end = self.plan.load_s
        return _median([rss for at, rss in self.memory if at >= end - 0.25 * self.plan.warm_up_s])

    @property
    def growth(self) -> float:
        """Share by which memory grew after the warm-up."""
        return self.memory_after / self.memory_before - 1 if self.memory_before else 0.0

    def faults(self) -> list[str]:
        """The promises that were not kept, a sentence each."""
        accepted = self.accepted_s
        bad = [one for one in self.load if not one.fine]
        p99 = _quantile(accepted, 0.99)
        cut_off = [one for one in self.last if not one.fine]
        checks = (
            (not self.alive, "The service ended under load."),
            (not accepted, "No request was answered."),
            (bool(bad), f"{len(bad)} requests were neither answered nor refused with 503."),
            (p99 > self.deadline_s, f"p99 is {p99:.2f} s; the deadline is {self.deadline_s} s."),
            (self.growth > _MOST_GROWTH, f"Memory grew by {self.growth:.1%} after the warm-up."),
            (bool(cut_off), f"{len(cut_off)} running requests were cut off by SIGTERM."),
            # uvicorn ends in order and then lets the signal have its way.
            (self.exit_code not in (0, -15), f"After SIGTERM it ended with {self.exit_code}."),
        )
        return [sentence for wrong, sentence in checks if wrong]

    def figures(self) -> dict[str, object]:
        """The numbers of the table, by name."""
        accepted = self.accepted_s
        statuses = Counter(one.status or one.error for one in self.load)
        after = [rss for at, rss in self.memory if at >= self.plan.warm_up_s]
        return {
            "capacity, answers a second": round(self.capacity, 1),
            "offered, requests a second": round(len(self.load) / self.plan.load_s, 1),
            "seconds": round(self.plan.load_s),
            "requests": len(self.load),
            **{f"status {status}": n for status, n in sorted(statuses.items(), key=str)},
            "answered, a second": round(len(accepted) / self.plan.load_s, 1),
            "accepted p50, s": round(_quantile(accepted, 0.5), 2),
            "accepted p99, s": round(_quantile(accepted, 0.99), 2),
            "deadline, s": self.deadline_s,
            "refused p99, s": round(
                _quantile(sorted(o.latency_s for o in self.load if o.status == 503), 0.99), 2
            ),
            "memory after warm-up, MiB": round(self.memory_before / 2**20),
            "memory at the end, MiB": round(self.memory_after / 2**20),
            "memory at most after warm-up, MiB": round(max(after, default=0) / 2**20),
            "growth": f"{self.growth:+.1%}",
            "running at SIGTERM / finished": (
                f"{sum(one.status != 503 for one in self.last)} / "
                f"{sum(one.status == 200 for one in self.last)}"
            ),
            "exit code": self.exit_code,
        }


async def measure(service: ServiceProcess, sets: Sequence[Path], plan: Plan) -> Outcome:
    """Do it all to a running service; it is stopped at the end.

    Args:
        service: Started, with default settings.
        sets: Puzzle sets to ask.
        plan: How long and how hard.
    """
    deadline_s = float(Settings().deadline_s)
    callers = Callers(service.url, questions(sets, each=10), timeout_s=deadline_s + 30)
    try:
        begin = service.elapsed_s
        closed = await callers.in_turn(
            _CLOSED_LOOP_CALLERS, lambda: service.elapsed_s - begin > plan.capacity_s
        )
        taken = service.elapsed_s - begin
        capacity = sum(one.status == 200 for one in closed) / taken
        begin = service.elapsed_s
        load = await callers.at_rate(max(plan.factor * capacity, 1.0), plan.load_s)
        alive = service.alive
        memory = [(at - begin, rss) for at, rss in service.memory if at >= begin]
        # Two seconds' work, as far as the queue takes it.
        running = max(4, min(round(2 * capacity), Settings().limits.queue))
        last, exit_code = await _stop(service, callers, running, 1 / max(capacity, 0.1))
    finally:
        await callers.close()
    # Times of the load count from its own first request.
    first = load[0].at_s if load else 0.0
    shifted = [
        Answered(o.at_s - first, o.status, o.latency_s, o.retry_after, o.models, o.error)
        for o in load
    ]
    return Outcome(
        plan,
        deadline_s,
        capacity,
        tuple(shifted),
        tuple(pair for pair in memory if pair[0] <= plan.load_s),
        alive,
        tuple(last),
        exit_code,
    )


async def _stop(
    service: ServiceProcess, callers: Callers, count: int, each_s: float
) -> tuple[list[Answered], int | None]:
    """SIGTERM while requests run and wait."""
    running = [asyncio.create_task(callers.ask()) for _ in range(count)]
    await asyncio.sleep(0.5 + each_s)  # Until their bodies have been taken up; most still wait.
    service.terminate()
    last = list(await asyncio.gather(*running))
    return last, await asyncio.to_thread(service.wait, float(Settings().shutdown_s) + 45)


def plot(outcome: Outcome, file: Path) -> None:
    """Draw requests, latency and memory over time.

    Args:
        outcome: At least one request.
        file: Gets the PNG.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    seconds = outcome.plan.load_s
    bins = np.linspace(0, seconds, max(2, min(round(seconds), 61)))
    width = bins[1] - bins[0]
    figure = Figure(figsize=(8, 7), layout="constrained")
    rates, latency, memory = figure.subplots(3, 1, sharex=True)
    base = np.zeros(len(bins) - 1)
    for name, colour, chosen in (
        ("answered", "#2a9d8f", [o for o in outcome.load if o.status == 200]),
        ("refused with 503", "#e9c46a", [o for o in outcome.load if o.status == 503]),
        ("anything else", "#d62828", [o for o in outcome.load if o.status not in (200, 503)]),
    ):
        counts = np.histogram([one.at_s for one in chosen], bins)[0] / width
        rates.bar(bins[:-1], counts, width, base, align="edge", label=name, color=colour)
        base += counts
    rates.axhline(outcome.capacity, color="black", linestyle="--", label="capacity")
    rates.set_ylabel("requests a second")
    rates.legend(loc="lower right", fontsize=8, ncols=4)
    answered = [one for one in outcome.load if one.status == 200]
    latency.plot(
        [o.at_s for o in answered], [o.latency_s for o in answered], ".", ms=3, color="#264653"
    )
    latency.set_ylabel("seconds to the answer")
    latency.set_ylim(bottom=0)
    memory.plot([at for at, _ in outcome.memory], [rss / 2**20 for _, rss in outcome.memory])
    memory.axvline(outcome.plan.warm_up_s, color="black", linestyle=":", label="end of warm-up")
    memory.set_ylim(bottom=0)
    memory.set_ylabel("memory, MiB")
    memory.set_xlabel("seconds under load")
    memory.legend(loc="lower right", fontsize=8)
    data = BytesIO()
    figure.savefig(data, format="png", dpi=130)
    write_atomically(file, data.getvalue())


def report(outcome: Outcome) -> str:
    """Everything as JSON."""
    document = {
        "machine": f"{platform.processor() or platform.machine()}, {platform.python_version()}",
        "figures": outcome.figures(),
        "faults": outcome.faults(),
        "plan": asdict(outcome.plan),
        "memory": [[round(at, 1), rss] for at, rss in outcome.memory],
        "requests": [
            [round(o.at_s, 3), o.status or o.error, round(o.latency_s, 4)] for o in outcome.load
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _median(values: Sequence[float]) -> float:
    return float(statistics.median(values)) if values else 0.0


def _quantile(ordered: Sequence[float], share: float) -> float:
    return float(np.quantile(ordered, share)) if ordered else 0.0


def main(
    out: Annotated[Path, typer.Option(help="Folder of load.json and load.png.")] = Path(
        "runs/load"
    ),
    minutes: Annotated[float, typer.Option(min=0.05, help="Of load.")] = 5.0,
    capacity_s: Annotated[
        float, typer.Option(min=1, help="Seconds in which the capacity is found out.")
    ] = 20.0,
    sets: Annotated[
        list[Path] | None, typer.Option(help="Puzzle set; repeatable. [default: the frozen ones]")
    ] = None,
) -> None:
    """Offer a service twice what it can do; exit 1 where it does not keep its promises."""
    seconds = minutes * 60
    plan = Plan(capacity_s, seconds, warm_up_s=min(60.0, seconds / 3))
    with ServiceProcess() as service:
        outcome = asyncio.run(measure(service, sets or default_sets(ROOT), plan))
        said = service.log()
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "load.json", report(outcome).encode())
    plot(outcome, out / "load.png")
    for name, value in outcome.figures().items():
        typer.echo(f"{name:36} {value}")
    for fault in outcome.faults():
        typer.echo(f"NOT KEPT: {fault}")
    if outcome.faults():
        typer.echo(said[-2000:], err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
