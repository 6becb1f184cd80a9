"""Reading whole text CAPTCHAs: accuracy, speed and size, on pictures of the `captcha` package.

    python benchmarks/text.py --task digits4 --train --minutes 30
    python benchmarks/text.py                                        # every task with a run

A task's model is `text.onnx` of its run below `--runs`; with `--train`, what is not there is
trained first. Then 10,000 pictures that no training draws (other seeds, see
`training.text.synthetic`) are put to it, one at a time, on one thread, from the decoded picture to
the text. The task `small` trains on 20,000 pictures that are drawn once, into a folder, and on
nothing beyond them. Writes `results.json` and `table.md` beside the runs; tasks that were measured
before keep their lines.
"""

import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.progress import track

from classifier.text_reader import TextReader
from labels.atomic import write_atomically
from training.evaluation.statistics import wilson_interval
from training.text.synthetic import BENCHMARK, DrawingPlan, DrawnText, TextDrawer

SMALL = 20_000
_SMALL_SEED = 20_000
_AS_SHIPPED = (160, 60)
"""What the package draws unless told otherwise, `(width, height)` in pixels."""


@dataclass(frozen=True, slots=True)
class Task:
    """One line of the table.

    Attributes:
        told: What is read.
        charset: Presets.
        lengths: Shortest and longest text.
        head: Head of the network.
        published: The figure that others report.
        least: What ours must reach, 0..1.
        sides: `(width, height)` of the pictures.
        entry: The same of the network's input.
        flags: More of `train-text`.
    """

    told: str
    charset: str
    lengths: tuple[int, int]
    head: str
    published: str
    least: float
    sides: tuple[int, int] = _AS_SHIPPED
    entry: tuple[int, int] = (128, 64)
    flags: tuple[str, ...] = ()


TASKS = {
    "upper4-ctc": Task(
        "4 of digits and capitals, CTC", "numeric+upper", (4, 4), "ctc-conv",
        "99.21 % (Keras), 99.57 % (PyTorch)", 0.993, (170, 80), (160, 64),
    ),
    "upper4-fixed": Task(
        "4 of digits and capitals, fixed length", "numeric+upper", (4, 4), "fixed", "98.26 %",
        0.985, (128, 64),
    ),
    "digits4": Task("4 digits", "numeric", (4, 4), "ctc-conv", "99.9999 % claimed", 0.9995),
    "lower4": Task(
        "4 of digits and lower case", "numeric+lower", (4, 4), "ctc-conv", "98.5 % of 200", 0.985
    ),
    "variable": Task(
        "4 to 6 of digits and capitals", "numeric+upper", (4, 6), "ctc-conv", "none", 0.985
    ),
    "small": Task(
        "4 of digits and lower case, 20,000 pictures", "numeric+lower", (4, 4), "ctc-conv",
        "37 %", 0.95, (128, 64),
    ),
}  # fmt: skip


def characters(task: Task) -> str:
    """What a task's texts are made of."""
    from classifier.charsets import characters_of

    return characters_of(task.charset)


def drawn(task: Task, purpose: int, seed: int, count: int) -> Iterator[DrawnText]:
    """Pictures of a task, the same ones every time."""
    drawer = TextDrawer(DrawingPlan(characters(task), task.lengths, task.sides), purpose, seed)
    for _ in range(count):
        yield drawer.draw("captcha")


def draw_small(task: Task, folder: Path) -> Path:
    """The pictures of the small set, drawn once; an interrupted drawing goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    # A purpose of its own: neither held-out pictures nor those of an endless training.
    small = drawn(task, BENCHMARK + 1, _SMALL_SEED, SMALL)
    for number, one in enumerate(track(small, "Drawing", total=SMALL)):
        file = folder / f"{one.text}_{number:05}.png"
        if not file.is_file():
            torn = file.with_suffix(".part")
            Image.fromarray(one.picture).save(torn, "PNG")
            torn.replace(file)
    return folder


def train(name: str, run: Path, python: str, minutes: float, more: tuple[str, ...]) -> None:
    """Train the model of a task, or go on where that was interrupted."""
    task = TASKS[name]
    low, high = task.lengths
    length = str(low) if low == high else f"{low}-{high}"
    arguments = [
        "--head", task.head, "--charset", task.charset, "--size", "x".join(map(str, task.entry)),
        "--draw", "x".join(map(str, task.sides)),
        "--length", length, "--minutes", f"{minutes:g}", "--out", str(run),
        "--name", f"benchmark-{name}", *task.flags, *more,
    ]  # fmt: skip
    if name == "small":
        arguments.insert(0, str(draw_small(task, run.with_name("small-pictures"))))
    else:
        arguments += ["--synthetic", "captcha"]
    if (run / "last.pt").is_file():
        arguments.append("--resume")
    code = "from training.text.cli import app; app()"
    subprocess.run([python, "-c", code, *arguments], check=True)


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured of one task."""

    task: str
    right: int
    pictures: int
    low: float
    high: float
    median_ms: float
    median_cpu_ms: float
    weights_mb: float
    run: str
    machine: str


def measure(name: str, model: Path, count: int, console: Console) -> Line:
    """Put the benchmark's pictures to a model, one at a time, on one thread."""
    task = TASKS[name]
    reader = TextReader.load(model, threads=1)
    seed = list(TASKS).index(name)
    right, times, spent = 0, [], []
    pictures = drawn(task, BENCHMARK, seed, count)
    for one in track(pictures, f"Reading {name}", total=count, console=console, transient=True):
        start, began = time.perf_counter(), time.thread_time()
        (reading,) = reader.read([one.picture])
        times.append(1e3 * (time.perf_counter() - start))
        # On a busy machine the clock runs on while others compute; one thread does all of it.
        spent.append(1e3 * (time.thread_time() - began))
        right += reading.text == one.text
    low, high = wilson_interval(right, count)
    size = model.stat().st_size / 1e6
    return Line(
        task=name,
        right=right,
        pictures=count,
        low=low,
        high=high,
        median_ms=median(times),
        median_cpu_ms=median(spent),
        weights_mb=size,
        run=model.parent.name,
        machine=machine(),
    )


def drawing_speed(seconds: float = 3.0) -> float:
    """Pictures that one process draws in a second of its own time."""
    pictures = drawn(TASKS["upper4-ctc"], BENCHMARK, 99, 10**9)
    next(pictures)
    start, count = time.process_time(), 0
    while time.process_time() - start < seconds:
        next(pictures)
        count += 1
    return count / (time.process_time() - start)


def machine() -> str:
    """What it was measured on."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def table(lines: dict[str, Line]) -> str:
    """A table in Markdown."""
    rows = [
        "| task | published | ours at least | ours | 95 % | per picture | CPU time | weights |",
        "|---|---|---:|---:|---|---:|---:|---:|",
    ]
    for name, task in TASKS.items():
        line = lines.get(name)
        if line is None:
            continue
        rows.append(
            f"| {task.told} | {task.published} | {task.least:.2%} "
            f"| **{line.right / line.pictures:.2%}** | {line.low:.2%} to {line.high:.2%} "
            f"| {line.median_ms:.1f} ms | {line.median_cpu_ms:.1f} ms | {line.weights_mb:.1f} MB |"
        )
    return "\n".join(rows) + "\n"


def read_lines(file: Path) -> dict[str, Line]:
    """What was measured before."""
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {entry["task"]: Line(**entry) for entry in content["tasks"]}


def main(
    task: Annotated[list[str] | None, typer.Option(help=f"{', '.join(TASKS)}; all.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/text-benchmark"),
    train_first: Annotated[
        bool, typer.Option("--train", help="Train what has no model yet.")
    ] = False,
    minutes: Annotated[float, typer.Option(min=0.1, help="For each training.")] = 60,
    python: Annotated[str, typer.Option(help="One with torch.")] = sys.executable,
    pictures: Annotated[int, typer.Option(min=1, help="To measure on.")] = 10_000,
    speed: Annotated[
        bool, typer.Option("--speed", help="Say how fast pictures are drawn.")
    ] = False,
    flag: Annotated[
        list[str] | None, typer.Option(help="More for train-text: --flag=--threads --flag=1")
    ] = None,
) -> None:
    """Measure text readers on pictures of the captcha package."""
    console = Console(stderr=True)
    unknown = [name for name in task or () if name not in TASKS]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]} is no task; choose of {', '.join(TASKS)}")
    if speed:
        typer.echo(f"One process draws {drawing_speed():.0f} pictures/s.")
    results = runs / "results.json"
    lines = read_lines(results)
    for name in task or TASKS:
        model = runs / name / "text.onnx"
        if train_first and not model.is_file():
            train(name, runs / name, python, minutes, tuple(flag or ()))
        if not model.is_file():
            console.print(f"{name}: no {model}; add --train.", highlight=False)
            continue
        line = measure(name, model, pictures, console)
        # Read again: another of these may have written meanwhile.
        lines = read_lines(results) | {name: line}
        content = {
            "seeds": "training.text.synthetic.BENCHMARK",
            "numpy": np.__version__,
            "tasks": [
                {slot: getattr(line, slot) for slot in Line.__slots__} for line in lines.values()
            ],
        }
        write_atomically(results, (json.dumps(content, indent=1) + "\n").encode())
        write_atomically(runs / "table.md", table(lines).encode())
    typer.echo(table(lines), nl=False)


if __name__ == "__main__":
    typer.run(main)
