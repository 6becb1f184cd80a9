"""What the shipped text model reads of pictures that are unlike each other.

    python benchmarks/shipped_text.py
    python benchmarks/shipped_text.py --model runs/text/text.onnx --pictures 500

Pictures are drawn from seeds that no training uses, strips and two-coloured ones with fonts and
photos of the test split. Each is read alone, on one thread. `told` is what the reader is told
beside the picture, as a caller of `POST /read` may tell it.
"""

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import thread_time
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from classifier.charsets import characters_of
from classifier.text_reader import SHIPPED, TextReader
from training.evaluation.statistics import wilson_interval
from training.synthetic.ingredients.palette import Palette
from training.synthetic.ingredients.store import IngredientStore
from training.text.scoring import differing
from training.text.synthetic import BENCHMARK, DrawingPlan, TextDrawer

_SIDES = (160, 60)


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of picture.

    Attributes:
        told: What it is.
        kind: Kind of pictures, as in `TextDrawer`.
        charset: Presets to draw from.
        lengths: Shortest and longest text.
        knowing: Whether the reader is told the charset, and the length where that is one.
        any_case: Whether a letter in the other case counts as right.
        among: Characters that the reader is told may occur, those of the picture and others drawn
            by lot; 0 to tell none.
    """

    told: str
    kind: str
    charset: str
    lengths: tuple[int, int]
    knowing: bool = False
    any_case: bool = False
    among: int = 0


CASES = (
    Case("captcha package, 4 digits", "captcha", "numeric", (4, 4)),
    Case("captcha package, 4 digits, told so", "captcha", "numeric", (4, 4), knowing=True),
    Case(
        "captcha package, 4 of digits and capitals, told so", "captcha", "numeric+upper", (4, 4),
        knowing=True,
    ),
    Case("captcha package, 4 to 6 of both cases", "captcha", "alphanumeric", (4, 6)),
    Case(
        "the same, either case of a letter counts", "captcha", "alphanumeric", (4, 6),
        any_case=True,
    ),
    Case("strips of 2 to 6 letters and digits", "strips", "alphanumeric", (2, 6)),
    Case(
        "the same, either case of a letter counts", "strips", "alphanumeric", (2, 6), any_case=True
    ),
    Case("strips of 2 to 6 common Chinese characters", "strips", "common-chinese", (2, 6)),
    Case(
        "the same, told fifty characters that may occur", "strips", "common-chinese", (2, 6),
        among=50,
    ),
    Case(
        "one colour of two or three, letters and digits, either case", "two-colours",
        "alphanumeric", (2, 6), any_case=True,
    ),
    Case("one colour of two or three, common Chinese", "two-colours", "common-chinese", (2, 6)),
)  # fmt: skip


def main(
    model: Annotated[Path, typer.Option(help="Of texts.")] = SHIPPED,
    pictures: Annotated[int, typer.Option(min=1, help="Of each kind.")] = 2000,
) -> None:
    """Measure the shipped text model."""
    reader = TextReader.load(model, threads=1)
    palette = Palette.of(IngredientStore.open(), "test")
    print(f"{reader.name}, {model.stat().st_size / 1e6:.1f} MB\n")
    print("| pictures | whole text right | 95 % | characters right | CPU time each |")
    print("|---|---:|---|---:|---:|")
    drawn = list(dict.fromkeys((case.kind, case.charset, case.lengths) for case in CASES))
    for case in CASES:
        # The same pictures where only the question is another.
        seed = drawn.index((case.kind, case.charset, case.lengths))
        print(_line(reader, case, palette, seed, pictures), flush=True)


def _line(reader: TextReader, case: Case, palette: Palette, seed: int, count: int) -> str:
    plan = DrawingPlan(characters_of(case.charset), case.lengths, _SIDES)
    drawer = TextDrawer(plan, BENCHMARK, 1000 + seed, palette=palette)
    lot = np.random.default_rng(seed)
    charset = plan.characters if case.knowing else None
    length = case.lengths[0] if case.knowing and case.lengths[0] == case.lengths[1] else None
    right, characters, same, times = 0, 0, 0, []
    for _ in track(range(count), case.told, transient=True, console=Console(stderr=True)):
        one = drawer.draw(case.kind)
        # A caller names the colour; its value is what the name stands for.
        colour = None if one.colour is None else "#{:02x}{:02x}{:02x}".format(*one.colour)
        if case.among:
            others = lot.choice(list(plan.characters), case.among, replace=False)
            charset = "".join(dict.fromkeys((*one.text, *others)))[: case.among]
        start = thread_time()
        (reading,) = reader.read([one.picture], charset=charset, length=length, colour=colour)
        times.append(1e3 * (thread_time() - start))
        text, truth = reading.text, one.text
        if case.any_case:
            text, truth = text.lower(), truth.lower()
        right += text == truth
        characters += len(truth)
        same += len(truth) - min(len(truth), len(differing(truth, text)))
    low, high = wilson_interval(right, count)
    return (
        f"| {case.told} | {right / count:.1%} | {low:.1%} to {high:.1%} | {same / characters:.1%} "
        f"| {median(times):.1f} ms |"
    )


if __name__ == "__main__":
    typer.run(main)
