"""What of the failures is the detector's, and what is the recognisers'?

    python benchmarks/true_boxes.py benchmarks/puzzles/{icon-list,latin,text-words}

Every puzzle is solved twice: as it comes, and by the same classifier and matcher with the true
boxes of all items, targets and decoys, in place of the detector's. What only the second solves was
lost to boxes: missing, spare or inexact ones. Prompts are words or icons, which need no detector.
"""

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, cast

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import track

from detector.detections import Detections
from labels.pictures import load_rgb
from labels.puzzles import Puzzle, read_puzzles
from service.models.backends import load_solver, make_solver
from service.settings import Settings
from service.solving.prompts import IconsPrompt, Prompt, WordsPrompt
from service.solving.solver import Solver
from training.evaluation.scoring import areas_of, in_order
from training.evaluation.statistics import wilson_interval

Picture = NDArray[np.uint8]


class TrueBoxes:
    """A detector that knows the items of one scene, and finds nothing in any other picture.

    In the second pass it is asked for enlarged parts as well; the whole scene has it all.
    """

    name = "true boxes"

    def __init__(self) -> None:
        self.show(np.zeros((1, 1, 3), np.uint8), [])

    def show(self, scene: Picture, boxes: Sequence[Sequence[float]]) -> None:
        """Tell it of a scene.

        Args:
            scene: `(H, W, 3)` uint8 RGB.
            boxes: `x1, y1, x2, y2` of each item in pixels, end exclusive.
        """
        self._scene = scene
        self._boxes = np.array(boxes, np.float32).reshape(-1, 4)

    def detect(self, image: Picture) -> Detections:
        """The items, all of them certain, of the scene that was shown."""
        boxes = self._boxes if np.array_equal(image, self._scene) else self._boxes[:0]
        return Detections(boxes, np.ones(len(boxes), np.float32), np.zeros(len(boxes), np.int64))


@dataclass(frozen=True, slots=True)
class Trial:
    """One puzzle, both ways.

    Attributes:
        family: What it looks like.
        own: Whether it is solved with the boxes that the detector finds.
        true: Whether it is with the true ones.
    """

    family: str
    own: bool
    true: bool


def main(
    sets: Annotated[list[Path], typer.Argument(help="Puzzle sets.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most this many puzzles of each set.")
    ] = None,
    models_dir: Annotated[
        Path | None, typer.Option(help="Own models; by default the shipped ones.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Solve each puzzle with the detector's boxes and with the true ones."""
    puzzles = [
        (puzzles.folder, puzzle)
        for puzzles in map(read_puzzles, sets)
        for puzzle in puzzles.puzzles[:limit]
        if puzzle.known and puzzle.kind in ("words", "icons")
    ]
    if not puzzles:
        raise typer.BadParameter("no puzzle of these sets has a prompt of words or icons")
    settings = Settings.model_validate(
        {"backend": "own", "models_dir": models_dir, "threads": threads, "workers": 1}
    )
    own, oracle = load_solver(settings), TrueBoxes()
    true = make_solver(replace(own.parts, detector=oracle), settings)
    print(report([trial(own, true, oracle, *one) for one in track(puzzles, "Solving twice")]))


def trial(own: Solver, true: Solver, oracle: TrueBoxes, folder: Path, puzzle: Puzzle) -> Trial:
    """Solve one puzzle both ways.

    Args:
        own: With a detector.
        true: The same with `oracle` as its detector.
        oracle: Is told of the puzzle.
        folder: Folder of the puzzle's pictures.
        puzzle: With a prompt of words or icons.
    """
    scene = load_rgb(folder / puzzle.background)
    boxes = [*puzzle.targets, *puzzle.distractors]
    # In the order of the prompt, recognisers that say the same of every box would solve everything.
    order = np.random.default_rng(zlib.crc32(puzzle.id.encode())).permutation(len(boxes))
    oracle.show(scene, [boxes[at] for at in order])
    value = cast("tuple[str, ...]", puzzle.prompt[puzzle.kind])
    prompt: Prompt = (
        WordsPrompt(value)
        if puzzle.kind == "words"
        else IconsPrompt(tuple(load_rgb(folder / name) for name in value))
    )
    return Trial(
        puzzle.family, _solved(own, scene, prompt, puzzle), _solved(true, scene, prompt, puzzle)
    )


def report(trials: Sequence[Trial]) -> str:
    """The table, a row for each family, in Markdown."""
    lines = [
        "| family | puzzles | solved | with true boxes | lost to boxes | solved with own only |",
        "|---|---|---|---|---|---|",
    ]
    for family, count in Counter(one.family for one in trials).items():
        members = [one for one in trials if one.family == family]
        shares = " | ".join(
            _share(sum(solved), count)
            for solved in ([one.own for one in members], [one.true for one in members])
        )
        lost = sum(one.true and not one.own for one in members)
        lucky = sum(one.own and not one.true for one in members)
        lines.append(f"| `{family}` | {count} | {shares} | {lost} | {lucky} |")
    return "\n".join(lines)


def _share(solved: int, count: int) -> str:
    low, high = wilson_interval(solved, count)
    return f"{solved / count:.1%} ({low:.1%} to {high:.1%})"


def _solved(solver: Solver, scene: Picture, prompt: Prompt, puzzle: Puzzle) -> bool:
    """Whether every click is right."""
    answer = solver.solve(scene, prompt)
    clicks = [(click.x, click.y) for click in answer.clicks]
    return answer.solved and in_order(puzzle.words, areas_of(puzzle), clicks)


if __name__ == "__main__":
    typer.run(main)
