"""The usual ddddocr pipeline and ours on the same puzzles, in one run.

    python benchmarks/peers.py benchmarks/puzzles --threads 2 --json peers.json

Every row runs in a process of its own. The puzzles go round the rows one at a time, so that a
machine that slows down slows all rows down, and no two rows ever compute at the same time.
"""

import importlib
import io
import json
import multiprocessing
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labels.puzzles import Puzzle, read_puzzles

if TYPE_CHECKING:
    from rich.table import Table

Body = Mapping[str, object]
Answer = Callable[[Puzzle, Path], Body]

NOTES = (
    (
        "usual: ddddocr's detector; its OCR on every crop, as PNG bytes; string equality; the "
        "first match wins. It has no reader for prompt pictures, so it is handed their words as "
        "text; icons have no words that an OCR could read."
    ),
    (
        "clickorder/ddddocr: files of the same package through our solver: scores restricted to "
        "the prompt's words, one global assignment; prompt pictures are read as pictures."
    ),
    (
        "Latency: from the files' names to the clicks, reading and decoding included. Memory: the "
        "peak of the row's whole process. Speed: median over the puzzles with words as prompt, "
        "where all rows do the same work, of the first row's time divided by this row's."
    ),
)

_PAUSE_S = 0.005
"""Between two rows: ONNX Runtime's threads spin for a moment after a run, and would take the next
row's cores."""


@dataclass(frozen=True, slots=True)
class Row:
    """One contender.

    Attributes:
        name: In the table.
        start: Loads the models in the row's process and gives the answerer.
        option: Passed to `start`, before the number of threads.
    """

    name: str
    start: Callable[[str, int], Answer]
    option: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What one row did.

    Attributes:
        row: Which.
        bodies: Its answers, one a puzzle.
        times_ms: From the question to the answer, one a puzzle.
        peak_bytes: Most memory its process held.
        weights_bytes: Size of the ONNX files it loaded.
    """

    row: Row
    bodies: list[Body]
    times_ms: list[float]
    peak_bytes: int
    weights_bytes: int


def start_usual(model: str, _threads: int) -> Answer:
    """The pipeline that ddddocr's users write; `model` is `default` or `beta`.

    ddddocr offers no setting for threads: its sessions take every core the process may use.
    """
    import numpy as np
    from PIL import Image

    ddddocr: Any = importlib.import_module("ddddocr")
    detector = ddddocr.DdddOcr(det=True, ocr=False, show_ad=False)
    ocr = ddddocr.DdddOcr(beta=model == "beta", show_ad=False)

    def answer(puzzle: Puzzle, folder: Path) -> Body:
        data = (folder / puzzle.background).read_bytes()
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        boxes = [[int(side) for side in box] for box in detector.detection(data)]
        read: list[tuple[str, list[int]]] = []
        for box in boxes:
            x1, y1, x2, y2 = np.clip(box, 0, (*picture.size, *picture.size)).tolist()
            if x1 >= x2 or y1 >= y2:
                continue
            crop = io.BytesIO()
            picture.crop((x1, y1, x2, y2)).save(crop, "PNG")
            read.append((ocr.classification(crop.getvalue()), box))
        matches = [next((box for text, box in read if text == w), None) for w in puzzle.words]
        complete = None not in matches
        return {
            "solved": complete,
            "confidence": float(complete),
            "clicks": [{"x": (b[0] + b[2]) // 2, "y": (b[1] + b[3]) // 2} for b in matches if b],
            "boxes": [{"box": box, "confidence": 1.0} for box in boxes],
        }

    return answer


def start_clickorder(backend: str, threads: int) -> Answer:
    """Our solver with one of its backends."""
    from clickorder.local import LocalSolver
    from service.settings import Settings

    return LocalSolver(Settings.model_validate({"backend": backend, "threads": threads}))


ROWS = (
    Row("usual", start_usual, "default"),
    Row("usual, beta model", start_usual, "beta"),
    Row("clickorder/ddddocr", start_clickorder, "ddddocr"),
    Row("clickorder/own", start_clickorder, "own"),
)


def work(row: Row, threads: int, pipe: Connection) -> None:
    """A row's process: loads, then answers puzzles until None comes."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ["OMP_NUM_THREADS"] = str(threads)
    weights = count_weights()
    try:
        answer = row.start(row.option, threads)
    except Exception as error:  # noqa: BLE001 - whatever stops a row is told, the others go on
        pipe.send(f"{type(error).__name__}: {error}")
        return
    pipe.send(None)
    while (asked := pipe.recv()) is not None:
        start = perf_counter()
        try:
            body = answer(*asked)
        except Exception as error:  # noqa: BLE001 - a puzzle that breaks a row is one it fails
            body = {"code": type(error).__name__, "detail": str(error)}
        pipe.send((body, (perf_counter() - start) * 1000))
    pipe.send((kernel_peak(), sum(weights)))


def count_weights() -> list[int]:
    """Note the size of every model that ONNX Runtime is given from now on, whoever gives it."""
    onnxruntime: Any = importlib.import_module("onnxruntime")
    session = onnxruntime.InferenceSession
    sizes: list[int] = []

    def counted(model: str | bytes, *args: object, **options: object) -> object:
        sizes.append(len(model) if isinstance(model, bytes) else Path(model).stat().st_size)
        return session(model, *args, **options)

    onnxruntime.InferenceSession = counted
    return sizes


def kernel_peak(process: int | str = "self") -> int:
    """The kernel's own high-water mark of a process; 0 where it keeps none (not Linux)."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    lines = (line.split() for line in status.splitlines())
    return next((int(words[1]) * 1024 for words in lines if words[0] == "VmHWM:"), 0)


def measure(
    rows: Sequence[Row], puzzles: Sequence[tuple[Puzzle, Path]], threads: int
) -> tuple[list[Measured], list[str]]:
    """Put every puzzle to every row, one row at a time.

    Returns:
        What each row did, and a remark for each row that could not start.
    """
    from rich.console import Console
    from rich.progress import track

    context = multiprocessing.get_context("spawn")
    running: list[tuple[Row, Connection, list[Body], list[float]]] = []
    remarks: list[str] = []
    for row in rows:
        ours, theirs = context.Pipe()
        context.Process(target=work, args=(row, threads, theirs), daemon=True).start()
        theirs.close()
        fault = ours.recv()
        if fault is None:
            running.append((row, ours, [], []))
        else:
            remarks.append(f"{row.name} is left out: {fault}")
    for _, pipe, _, _ in running:  # warm up: first runs allocate
        pipe.send(puzzles[0])
        pipe.recv()
    order = Random(0)
    for asked in track(puzzles, "puzzles", console=Console(stderr=True), transient=True):
        # By lot, so that no row always finds the file read, or always follows the same row.
        for _, pipe, bodies, times_ms in order.sample(running, len(running)):
            sleep(_PAUSE_S)
            pipe.send(asked)
            body, took_ms = pipe.recv()
            bodies.append(body)
            times_ms.append(took_ms)
    measured = []
    for row, pipe, bodies, times_ms in running:
        pipe.send(None)
        measured.append(Measured(row, bodies, times_ms, *pipe.recv()))
    return measured, remarks


def report(
    measured: Sequence[Measured], puzzles: Sequence[tuple[Puzzle, Path]]
) -> list[dict[str, Any]]:
    """One entry a row: solve rates per family, latency, memory, weights, speed."""
    import numpy as np

    from training.evaluation.evaluate import Outcome, percentiles, summarise
    from training.evaluation.scoring import read_reply, score_reply

    # Prompt pictures cost only those rows that read them.
    alike = np.array([puzzle.kind == "words" for puzzle, _ in puzzles])
    entries = []
    for one in measured:
        outcomes = []
        answered = zip(puzzles, one.bodies, one.times_ms, strict=True)
        for (puzzle, folder), body, took_ms in answered:
            reply = read_reply(body)
            score = score_reply(puzzle, reply)
            outcomes.append(Outcome(puzzle.family, puzzle, folder, reply, score, took_ms))
        p50, p95 = percentiles(one.times_ms)
        ratios = (np.array(measured[0].times_ms) / np.array(one.times_ms))[alike]
        entries.append(
            {
                "row": one.row.name,
                "groups": [asdict(summary) for summary in summarise(outcomes)],
                "p50_ms": p50,
                "p95_ms": p95,
                "peak_mib": round(one.peak_bytes / 2**20, 1),
                "weights_mb": round(one.weights_bytes / 1e6, 1),
                "speed": round(float(np.median(ratios)), 3) if len(ratios) else None,
            }
        )
    return entries


def tables(entries: Sequence[Mapping[str, Any]]) -> "list[Table]":
    """Solve rates and latencies by family and row, and what each row costs."""
    from rich.table import Table

    solved = Table(title="Solved, % (Wilson 95 % interval)", title_justify="left")
    latency = Table(title="p50 / p95 ms", title_justify="left")
    cost = Table("row", title="Cost", title_justify="left")
    for column in ("speed", "peak MiB", "weights MB"):
        cost.add_column(column, justify="right")
    for table in (solved, latency):
        table.add_column("family (n)", no_wrap=True)
        for entry in entries:
            table.add_column(entry["row"], justify="right")
    for groups in zip(*(entry["groups"] for entry in entries), strict=True):
        name = f"{groups[0]['group']} ({groups[0]['n']})"
        rates = [[100 * rate for rate in (g["solve_rate"], *g["interval"])] for g in groups]
        solved.add_row(name, *("{:.1f} ({:.0f}-{:.0f})".format(*rate) for rate in rates))
        latency.add_row(name, *("{:.0f} / {:.0f}".format(*g["wall_ms"]) for g in groups))
    for entry in entries:
        speed = "-" if entry["speed"] is None else f"{entry['speed']:.2f}"
        cost.add_row(entry["row"], speed, f"{entry['peak_mib']:.0f}", f"{entry['weights_mb']:.1f}")
    return [solved, latency, cost]


def main(
    sets: Annotated[list[Path], typer.Argument(help="Folders of puzzles.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first N puzzles of every family.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Cores for each row.")] = 2,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers here.")
    ] = None,
) -> None:
    """Measure the usual pipeline and ours on the same puzzles, in one run."""
    from importlib.metadata import version

    from rich.console import Console

    from labels.errors import LabelsError
    from training.evaluation.evaluate import first_of_each_family

    try:
        read = [read_puzzles(folder) for folder in sets]
    except LabelsError as error:
        typer.echo(f"peers: {error}", err=True)
        raise typer.Exit(2) from error
    puzzles = [(p, one.folder) for one in read for p in first_of_each_family(one, limit)]
    measured, remarks = measure(ROWS, puzzles, threads)
    if not measured:
        typer.echo("peers: no row could start: " + " ".join(remarks), err=True)
        raise typer.Exit(1)
    entries = report(measured, puzzles)
    console = Console()
    for table in tables(entries):
        console.print(table)
    for line in (*NOTES, *remarks):
        console.print(line, markup=False, highlight=False)
    if json_file is not None:
        result = {
            "rows": entries,
            "remarks": remarks,
            "notes": NOTES,
            "threads": threads,
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "versions": {name: version(name) for name in ("ddddocr", "onnxruntime", "numpy")},
        }
        text = json.dumps(result, ensure_ascii=False, indent=1) + "\n"
        json_file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
