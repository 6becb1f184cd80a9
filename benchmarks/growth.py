"""How the time of a solve grows with boxes, prompt items and the size of the picture.

    python -m benchmarks.growth --out runs/growth

Puzzles of each size are drawn by the project's generator. What is timed is processor time of one
thread, from the file of the background to the clicks for the first pass, and to the scores for the
second one alone, which is taken here whether or not the first is sure. Writes `growth.json` and
`growth.png`, and ends with 1 where a curve grows faster than linearly at its end.
"""

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from random import Random
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from labels.atomic import write_atomically
from labels.puzzles import Puzzle

if TYPE_CHECKING:
    from training.synthetic.ingredients.palette import Palette

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Shape:
    """What puzzle is drawn.

    Attributes:
        size: `(width, height)` of the background in pixels.
        items: Items that are asked for.
        boxes: Items on the background, those asked for included.
    """

    size: Size
    items: int
    boxes: int


@dataclass(frozen=True, slots=True)
class Axis:
    """One way to grow.

    Attributes:
        label: The label of the axis.
        shapes: What is drawn, smallest first.
        measure: What grows.
    """

    label: str
    shapes: tuple[Shape, ...]
    measure: Callable[[Shape], float]


_WIDE = (900, 600)

AXES: Mapping[str, Axis] = MappingProxyType(
    {
        "boxes": Axis(
            "boxes",
            tuple(Shape(_WIDE, 2, n) for n in (2, 5, 10, 20, 40)),
            lambda shape: shape.boxes,
        ),
        "items": Axis(
            "prompt items, among 12 boxes",
            tuple(Shape(_WIDE, n, 12) for n in (1, 2, 4, 6, 8, 10)),
            lambda shape: shape.items,
        ),
        "pixels": Axis(
            "million pixels",
            tuple(
                Shape(size, 3, 5)
                for size in ((200, 100), (400, 200), (700, 350), (1000, 500), (2000, 1000))
            ),
            lambda shape: shape.size[0] * shape.size[1] / 1e6,
        ),
    }
)
PASSES = ("first pass", "second pass")

_MOST_EXPONENT = 1.0
_DRAWN_PX = 20.0
"""Smallest size of an item; 40 of them must find a place."""
_ATTEMPTS = 200


class GrowthError(Exception):
    """A puzzle could not be drawn; the message says which."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Time against one measure.

    Attributes:
        axis: Name of the axis.
        passes: Which pass was timed.
        measures: What grows.
        ms: Median over the puzzles of the least time of the rounds, one for each measure.
    """

    axis: str
    passes: str
    measures: tuple[float, ...]
    ms: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """Slope of the logarithm of time over that of the measure, all of it."""
        return slope(self.measures, self.ms)

    @property
    def last_exponent(self) -> float:
        """The same over the upper half, where constant costs hide less of the growth."""
        half = len(self.measures) // 2
        return slope(self.measures[half:], self.ms[half:])


def slope(measures: Sequence[float], times: Sequence[float]) -> float:
    """The exponent of a power law fitted to at least two points by least squares."""
    return float(np.polyfit(np.log(measures), np.log(times), 1)[0])


def draw(shape: Shape, palette: "Palette", seed: int, folder: Path) -> Puzzle:
    """Draw one puzzle of characters and write its background.

    Raises:
        GrowthError: its items did not fit.
    """
    from training.synthetic.background import draw_background, scene_ground
    from training.synthetic.items.characters import pick_characters
    from training.synthetic.items.item import Item, Motion, TextItem
    from training.synthetic.puzzle import encode_background
    from training.synthetic.selection import Selection

    rng = np.random.default_rng([seed, *shape.size, shape.items, shape.boxes])
    for _ in range(_ATTEMPTS):
        face = palette.han[int(rng.integers(len(palette.han)))]
        words = pick_characters(face, palette.reference or face, shape.boxes, rng)
        items: list[Item] = [TextItem(word, face) for word in words]
        selection = Selection(
            items[: shape.items],
            items[shape.items :],
            [Motion(15.0)] * len(items),
            _DRAWN_PX,
        )
        ground = scene_ground(shape.size, palette, rng)
        drawn = len(items) == shape.boxes and draw_background(
            selection, palette, rng, ground=ground
        )
        if drawn:
            break
    else:
        raise GrowthError(f"{shape} could not be drawn in {_ATTEMPTS} attempts.")
    puzzle = drawn.puzzle(selection.targets, "words")
    data, ending = encode_background(puzzle, rng)
    name = f"{shape.size[0]}x{shape.size[1]}-{shape.items}-{shape.boxes}-{seed}.{ending}"
    (folder / name).write_bytes(data)
    return Puzzle(
        id=name,
        background=name,
        prompt={"words": puzzle.words},
        words=puzzle.words,
        targets=puzzle.targets,
        distractors=puzzle.distractors,
        family="growth",
    )


def measure(palette: "Palette", folder: Path, puzzles: int, rounds: int) -> list[Curve]:
    """Draw puzzles of every shape and time them in turn.

    Args:
        palette: What they are drawn from.
        folder: Gets their pictures.
        puzzles: The number of puzzles of each shape.
        rounds: How often each is solved.
    """
    from clickorder.local import LocalSolver
    from service.settings import Settings
    from service.solving.tta import SECOND_PASS

    settings = {"backend": "own", "threads": 1, "effort": "fast"}
    solver = LocalSolver(Settings.model_validate(settings))
    solve: Mapping[str, Callable[[Puzzle], object]] = {
        "first pass": lambda puzzle: solver(puzzle, folder),
        "second pass": lambda puzzle: solver.evidence(puzzle, folder, SECOND_PASS),
    }
    shapes = {shape for axis in AXES.values() for shape in axis.shapes}
    drawn = {
        shape: [draw(shape, palette, seed, folder) for seed in range(puzzles)]
        for shape in sorted(shapes, key=str)
    }
    cases = [(name, shape, at) for name in PASSES for shape in drawn for at in range(puzzles)]
    least = dict.fromkeys(cases, float("inf"))
    order = Random(0)
    for _ in range(rounds):
        for name, shape, at in order.sample(cases, len(cases)):
            begin = time.thread_time()
            solve[name](drawn[shape][at])
            taken = (time.thread_time() - begin) * 1000
            least[name, shape, at] = min(least[name, shape, at], taken)
    return [
        Curve(
            name,
            passes,
            tuple(axis.measure(shape) for shape in axis.shapes),
            tuple(median(least[passes, s, at] for at in range(puzzles)) for s in axis.shapes),
        )
        for name, axis in AXES.items()
        for passes in PASSES
    ]


def faults(curves: Sequence[Curve]) -> list[str]:
    """The curves that grow faster than linearly at their end, a sentence each."""
    return [
        f"In the {one.passes} time grows with the {one.last_exponent:.2f}th power of {one.axis}."
        for one in curves
        if one.last_exponent > _MOST_EXPONENT
    ]


def plot(curves: Sequence[Curve], file: Path) -> None:
    """Draw one chart for each axis, both scales logarithmic.

    Args:
        curves: At least one.
        file: Gets the PNG.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    charts = figure.subplots(1, len(AXES), sharey=True)
    for chart, (name, axis) in zip(charts, AXES.items(), strict=True):
        for one in (one for one in curves if one.axis == name):
            label = f"{one.passes}: {one.exponent:.2f}, at the end {one.last_exponent:.2f}"
            chart.loglog(one.measures, one.ms, "o-", label=label)
        first = next(one for one in curves if one.axis == name)
        ends = np.array([first.measures[0], first.measures[-1]])
        chart.loglog(ends, first.ms[0] * ends / ends[0], ":", color="grey", label="linear: 1")
        chart.set_xticks(first.measures, [f"{m:g}" for m in first.measures])
        chart.minorticks_off()
        chart.set_xlabel(axis.label)
        chart.legend(fontsize=7, title="exponent", title_fontsize=7)
    charts[0].set_ylabel("milliseconds of processor time")
    data = BytesIO()
    figure.savefig(data, format="png", dpi=130)
    write_atomically(file, data.getvalue())


def main(
    puzzles: Annotated[int, typer.Option(min=1, help="Puzzles of each size.")] = 7,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is solved.")] = 3,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder of the fonts and photos. [default: the user's cache]"),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of growth.json and growth.png.")] = Path(
        "runs/growth"
    ),
) -> None:
    """Time puzzles that grow in boxes, items and pixels; exit 1 beyond linear growth."""
    from training.synthetic.ingredients.palette import Palette
    from training.synthetic.ingredients.store import IngredientStore

    palette = Palette.of(IngredientStore.open(cache), "test")
    with tempfile.TemporaryDirectory() as folder:
        curves = measure(palette, Path(folder), puzzles, rounds)
    out.mkdir(parents=True, exist_ok=True)
    document = {
        "curves": [
            asdict(one) | {"exponent": one.exponent, "last_exponent": one.last_exponent}
            for one in curves
        ],
        "load": round(os.getloadavg()[0], 2),
        "processor": platform.processor() or platform.machine(),
    }
    write_atomically(out / "growth.json", (json.dumps(document, indent=1) + "\n").encode())
    plot(curves, out / "growth.png")
    for one in curves:
        times = ", ".join(f"{m:g}: {ms:.1f}" for m, ms in zip(one.measures, one.ms, strict=True))
        typer.echo(
            f"{one.axis:7} {one.passes:12} exponent {one.exponent:.2f}, at the end "
            f"{one.last_exponent:.2f}; ms {times}"
        )
    if wrong := faults(curves):
        for sentence in wrong:
            typer.echo(sentence, err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
