"""Should `/solve` read a prompt picture of words with the text model, or match its crops?

    clickorder generate --family text-strip --split validation --count 300 --seed 5 --out strips
    python benchmarks/prompt_reading.py strips --model classifier/weights/text.onnx

Every puzzle whose prompt is one picture of characters is solved twice: as `/solve` does it, crop
against crop, and with the text that the model reads given as words. The table says what share each
way solves, what both could solve if one always knew which to believe, and what is solved where
the text is believed from a confidence on; the best such confidence of one half of the puzzles is
used on the other half.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import typer
from rich.progress import track

from classifier.text_reader import TextReader
from clickorder.local import LocalSolver
from labels.pictures import load_rgb
from labels.puzzles import Puzzle, read_puzzles
from service.errors import ServiceError
from service.settings import Settings
from training.evaluation.scoring import in_order
from training.evaluation.statistics import wilson_interval

_BELIEVED = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.1)


@dataclass(frozen=True, slots=True)
class Trial:
    """One puzzle, both ways.

    Attributes:
        known: Whether the text model has all of its characters.
        read: Whether the text was read rightly.
        confidence: Confidence of the text, 0..1.
        matched: Whether matching crops solves it.
        worded: Whether the words that were read solve it.
        surer: Whether the second answer is the surer one.
    """

    known: bool
    read: bool
    confidence: float
    matched: bool
    worded: bool
    surer: bool

    def solved(self, believed: float) -> bool:
        """Whether it is, with the text believed from a confidence on."""
        return self.worded if self.confidence >= believed else self.matched


def main(
    sets: Annotated[list[Path], typer.Argument(help="Puzzle sets of the validation split.")],
    model: Annotated[Path, typer.Option(help="Of texts.")] = Path("classifier/weights/text.onnx"),
    threads: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Measure both ways on the same puzzles."""
    reader = TextReader.load(model, threads=threads)
    settings = Settings.model_validate({"threads": threads, "workers": 1})
    solver = LocalSolver(settings)
    puzzles = [
        (folder.folder, puzzle)
        for folder in map(read_puzzles, sets)
        for puzzle in folder.puzzles
        if puzzle.kind == "image" and all(len(word) == 1 for word in puzzle.words)
    ]
    if not puzzles:
        raise typer.BadParameter("no puzzle of these sets has one picture of characters as prompt")
    trials = [_trial(solver, reader, *one) for one in track(puzzles, "Solving twice")]
    _tell("all", trials)
    _tell("all characters in the model's charset", [t for t in trials if t.known])


def _trial(solver: LocalSolver, reader: TextReader, folder: Path, puzzle: Puzzle) -> Trial:
    strip = load_rgb(folder / str(puzzle.prompt["image"]))
    (reading,) = reader.read([strip])
    matched = _solved(solver, folder, puzzle, dict(puzzle.prompt))
    worded = _solved(solver, folder, puzzle, {"words": tuple(reading.text)})
    return Trial(
        known=set(puzzle.words) <= set(reader.charset.symbols),
        read=reading.text == "".join(puzzle.words),
        confidence=reading.confidence,
        matched=matched[0],
        worded=worded[0],
        surer=worded[1] > matched[1],
    )


def _solved(
    solver: LocalSolver, folder: Path, puzzle: Puzzle, prompt: dict[str, Any]
) -> tuple[bool, float]:
    """Whether the clicks are right, and their confidence."""
    try:
        body = solver.solve(folder, puzzle.background, prompt)
    except ServiceError:
        return False, 0.0
    clicks = [(click["x"], click["y"]) for click in cast("list[dict[str, int]]", body["clicks"])]
    return in_order(puzzle.words, puzzle.targets, clicks), float(cast("float", body["confidence"]))


def _tell(title: str, trials: list[Trial]) -> None:
    """Print the shares."""
    if not trials:
        print(f"{title}: none")
        return
    halves = trials[::2], trials[1::2]
    chosen = []
    for fitted_on, tested_on in (halves, halves[::-1]):
        best = max(_BELIEVED, key=lambda b: sum(t.solved(b) for t in fitted_on))
        chosen += [t.solved(best) for t in tested_on]
    print(f"{title}: {len(trials)} puzzles")
    for told, right in (
        ("text read rightly", [t.read for t in trials]),
        ("solved by matching crops", [t.matched for t in trials]),
        ("solved by the words that were read", [t.worded for t in trials]),
        ("solved by the surer of the two answers", [_surer(t) for t in trials]),
        ("solved with the text believed from a confidence (two-fold)", chosen),
        ("solved by at least one", [t.matched or t.worded for t in trials]),
    ):
        low, high = wilson_interval(int(np.sum(right)), len(right))
        print(f"  {told}: {np.mean(right):.1%} ({low:.1%} to {high:.1%})")


def _surer(trial: Trial) -> bool:
    return trial.worded if trial.surer else trial.matched


if __name__ == "__main__":
    typer.run(main)
