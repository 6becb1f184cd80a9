"""Ours and the usual ddddocr pipeline on this machine: latency, throughput, memory, start, cost.

    python -m benchmarks.speed --out runs/speed

The contenders are those of `benchmarks/peers.py`: the usual pipeline, the same files through our
solver ("restricted"), and our own weights in both layouts of `clickorder serve --profile`. All
answer the same puzzles, in turn and over several rounds, so that a machine that slows down slows
all of them down. Ours is asked over HTTP as well, in a service of its own process.
"""

import asyncio
import json
import multiprocessing
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from benchmarks import peers
from benchmarks.callers import Callers, Question
from benchmarks.peers import Answer, Measured, Row, kernel_peak
from benchmarks.service_process import ServiceProcess, default_sets
from benchmarks.speed_results import (
    USUAL,
    Footprint,
    Latency,
    Spread,
    Throughput,
    median_interval,
    tables,
)
from labels.atomic import write_atomically
from labels.puzzles import Puzzle, read_puzzles

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

ROOT = Path(__file__).resolve().parent.parent

Asked = tuple[Puzzle, Path]

CLIENTS = (1, 4, 16)
GROUPS: Mapping[str, Callable[[Puzzle], bool]] = {
    "words": lambda puzzle: puzzle.kind == "words",
    "all": lambda _: True,
}
"""The usual pipeline answers prompts of words only: its ratios are of that group."""

PROFILES = ("latency", "throughput")

_TIMEOUT_S = 120.0
_STARTS_WITHIN_S = 600.0
_BUSY_LOAD = 0.5


class SpeedError(Exception):
    """Something could not be measured; the message says what."""


def start_profile(profile: str, _threads: int) -> Answer:
    """Our own weights; the profile finds the cores that the row's process may use."""
    from clickorder.local import LocalSolver
    from service.settings import Settings

    return LocalSolver(Settings.model_validate({"backend": "own", "profile": profile}))


ROWS = (
    Row(USUAL, peers.start_usual, "default"),
    Row("restricted", peers.start_clickorder, "ddddocr"),
    *(Row(profile, start_profile, profile) for profile in PROFILES),
)


def latencies(measured: Sequence[Measured], asked: Sequence[Asked], rounds: int) -> list[Latency]:
    """Summarise what `peers.measure` found, for each row and group.

    Args:
        measured: Rows; each has answered all of `asked` once in every round.
        asked: Puzzles.
        rounds: How often.
    """
    from training.evaluation.scoring import read_reply, score_reply

    # Rounds by puzzles.
    times = {m.row.name: np.array(m.times_ms).reshape(rounds, len(asked)) for m in measured}
    first = next(iter(times.values()))
    found = []
    for group, belongs in GROUPS.items():
        chosen = [at for at, (puzzle, _) in enumerate(asked) if belongs(puzzle)]
        if not chosen:
            continue
        for one in measured:
            own = times[one.row.name][:, chosen]
            ratios = np.median(first[:, chosen], axis=0) / np.median(own, axis=0)
            p50, p95, p99 = (
                Spread.of([float(v) for v in np.percentile(own, q, axis=1)]) for q in (50, 95, 99)
            )
            right = sum(
                score_reply(asked[at][0], read_reply(one.bodies[at])).solved for at in chosen
            )
            found.append(
                Latency(
                    one.row.name,
                    group,
                    len(chosen),
                    p50,
                    p95,
                    p99,
                    float(np.median(ratios)),
                    median_interval(ratios),
                    right / len(chosen),
                )
            )
    return found


def saturate(row: Row, asked: Sequence[Asked], seconds: float) -> float:
    """Solves per second of a process on every core, each alone on its core and without HTTP.

    Args:
        row: Which.
        asked: Puzzles, over and over.
        seconds: How long.
    """
    context = multiprocessing.get_context("spawn")
    cores = sorted(os.sched_getaffinity(0))
    barrier = context.Barrier(len(cores))
    pipes = []
    for core in cores:
        ours, theirs = context.Pipe()
        args = (row, core, asked, seconds, barrier, theirs)
        context.Process(target=_answer_for, args=args, daemon=True).start()
        theirs.close()
        pipes.append(ours)
    return sum(float(pipe.recv()) for pipe in pipes)


def _answer_for(
    row: Row,
    core: int,
    asked: Sequence[Asked],
    seconds: float,
    barrier: "Barrier",
    pipe: Connection,
) -> None:
    """A process of `saturate`: sends its solves per second."""
    os.sched_setaffinity(0, {core})
    answer = row.start(row.option, 1)
    answer(*asked[0])
    barrier.wait(_STARTS_WITHIN_S)
    begin, count = perf_counter(), 0
    for puzzle, folder in cycle(asked):
        answer(puzzle, folder)
        count += 1
        if perf_counter() - begin >= seconds:
            break
    pipe.send(count / (perf_counter() - begin))


def first_answer(row: Row, asked: Asked, cores: int) -> tuple[float, float]:
    """Seconds from the start of a row's process to its first answer, and its peak in MiB."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    begin = perf_counter()
    context.Process(target=peers.work, args=(row, cores, theirs), daemon=True).start()
    theirs.close()
    if (fault := ours.recv()) is not None:
        raise SpeedError(f"{row.name} could not start: {fault}")
    ours.send(asked)
    ours.recv()
    taken = perf_counter() - begin
    ours.send(None)
    peak_bytes, _ = ours.recv()
    return taken, peak_bytes / 2**20


async def rate(url: str, bodies: Sequence[Question], clients: int, seconds: float) -> float:
    """Solves per second of a service whose clients wait for their answers.

    Raises:
        SpeedError: a request was not answered with 200.
    """
    callers = Callers(url, bodies, _TIMEOUT_S)
    begin = perf_counter()
    try:
        found = await callers.in_turn(clients, lambda: perf_counter() - begin >= seconds)
    finally:
        await callers.close()
    taken = perf_counter() - begin
    if wrong := [one for one in found if one.status != 200]:
        raise SpeedError(f"{len(wrong)} of {len(found)} requests failed, first with {wrong[0]}.")
    return len(found) / taken


def serve(profile: str) -> ServiceProcess:
    """A service of our own weights, not yet started, with room for all clients."""
    return ServiceProcess({"CLICKORDER_BACKEND": "own", "CLICKORDER_PROFILE": profile}, 0.2)


def start_service(profile: str, body: Question) -> float:
    """Seconds from the start of a service's process to its first answer."""
    with serve(profile) as service:
        asyncio.run(rate(service.url, [body], 1, 0))
        return service.elapsed_s


def over_http(
    asked: Sequence[Asked], rounds: int, seconds: float
) -> tuple[list[Throughput], list[Footprint]]:
    """Ask a service in each profile, one after the other in every round.

    Args:
        asked: Puzzles.
        rounds: How often.
        seconds: How long each group and number of clients is asked in one round.

    Returns:
        Rates, and what each service took, both profiles.
    """
    bodies = {
        group: [Question.of(*one) for one in asked if belongs(one[0])]
        for group, belongs in GROUPS.items()
    }
    cases = [(p, g, n) for p in PROFILES for g in GROUPS if bodies[g] for n in CLIENTS]
    rates: dict[tuple[str, str, int], list[float]] = {case: [] for case in cases}
    footprints = []
    starts = {
        profile: [start_service(profile, bodies["all"][0]) for _ in range(rounds)]
        for profile in PROFILES
    }
    order = Random(0)
    with serve(PROFILES[0]) as first, serve(PROFILES[1]) as second:
        services = dict(zip(PROFILES, (first, second), strict=True))
        spans: dict[str, list[tuple[float, float]]] = {profile: [] for profile in PROFILES}
        for service in services.values():  # warm up
            asyncio.run(rate(service.url, bodies["all"], 4, min(seconds, 3)))
        for _ in range(rounds):
            for profile, group, clients in order.sample(cases, len(cases)):
                service = services[profile]
                begin = service.elapsed_s
                found = asyncio.run(rate(service.url, bodies[group], clients, seconds))
                spans[profile].append((begin, service.elapsed_s))
                rates[profile, group, clients].append(found)
        for profile, service in services.items():
            busy = [
                resident
                for at, resident in service.memory
                if any(begin <= at <= end for begin, end in spans[profile])
            ]
            footprints.append(
                Footprint(
                    f"{profile}, HTTP",
                    Spread.of(starts[profile]),
                    median(busy or [service.memory_bytes()]) / 2**20,
                    kernel_peak(service.pid) / 2**20,
                )
            )
    return [Throughput(*case, Spread.of(found)) for case, found in rates.items()], footprints


def main(
    sets: Annotated[
        list[Path] | None, typer.Option(help="Puzzle set; repeatable. [default: the frozen ones]")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Puzzles of each family.")] = 30,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of everything.")] = 3,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="How long a rate is measured in one round.")
    ] = 5.0,
    price_per_core_hour: Annotated[
        float, typer.Option(min=0, help="Price of one core for an hour, in any currency.")
    ] = 0.04,
    out: Annotated[Path, typer.Option(help="Folder of speed.json.")] = Path("runs/speed"),
) -> None:
    """Measure latency, throughput, memory, start and cost of ours and of the usual pipeline."""
    from importlib.metadata import version

    from rich.console import Console

    from training.evaluation.evaluate import first_of_each_family

    before = os.getloadavg()[0]
    read = [read_puzzles(folder) for folder in sets or default_sets(ROOT)]
    asked = [(p, one.folder) for one in read for p in first_of_each_family(one, limit)]
    cores = len(os.sched_getaffinity(0))
    measured, remarks = peers.measure(ROWS, asked * rounds, cores)
    if not measured:
        typer.echo("speed: no row could start: " + " ".join(remarks), err=True)
        raise typer.Exit(1)
    latency = latencies(measured, asked, rounds)
    words = [one for one in asked if GROUPS["words"](one[0])]
    alone = [
        Throughput(
            one.row.name,
            "words",
            None,
            Spread.of([saturate(one.row, words, seconds) for _ in range(rounds)]),
        )
        for one in measured
        if words and one.row.name != "latency"  # a thread each is what `throughput` has
    ]
    starts = {
        m.row: [first_answer(m.row, asked[0], cores) for _ in range(rounds)] for m in measured
    }
    footprints = [
        Footprint(
            one.row.name, Spread.of([s for s, _ in starts[one.row]]), None, one.peak_bytes / 2**20
        )
        for one in measured
    ]
    served, of_services = over_http(asked, rounds, seconds)
    throughput, footprints = alone + served, footprints + of_services
    console = Console()
    for table in tables(latency, throughput, footprints, cores, price_per_core_hour):
        console.print(table)
    for line in (*peers.NOTES[:2], *remarks):
        console.print(line, markup=False, highlight=False)
    document = {
        "latency": [asdict(one) for one in latency],
        "throughput": [asdict(one) for one in throughput],
        "footprints": [asdict(one) for one in footprints],
        "price_per_core_hour": price_per_core_hour,
        "remarks": remarks,
        "rounds": rounds,
        "cores": cores,
        "load_before": round(before, 2),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("ddddocr", "onnxruntime", "numpy")},
    }
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    write_atomically(out / "speed.json", text.encode())
    if before > _BUSY_LOAD:
        typer.echo(f"The machine was busy (load {before:.1f}): count ratios, not times.")


if __name__ == "__main__":
    typer.run(main)
