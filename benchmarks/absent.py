"""How sure is the solver of what is not in the picture?

    python benchmarks/absent.py benchmarks/puzzles/*

Every puzzle is asked four times: for what it shows, for one of its items alone that is replaced by
one of another puzzle, for all its items with one replaced, and for nothing but items of another
puzzle. Prompt pictures cannot be mixed, so theirs are of another puzzle altogether. An answer to
what is not there ought to have a confidence under one half, with few right answers lost to it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.random import Generator
from rich.console import Console
from rich.progress import track
from rich.table import Table

from clickorder.local import LocalSolver
from labels.puzzles import PromptValue, Puzzle, PuzzleSet, read_puzzles
from service.errors import ServiceError
from service.settings import Settings
from training.evaluation.statistics import wilson_interval

_SURE = 0.5
_ORDER = ("as it is", "one alone, absent", "one of several absent", "all absent")

Ask = tuple[str, Mapping[str, PromptValue]]


def main(
    sets: Annotated[list[Path], typer.Argument(help="Puzzle sets.")],
    limit: Annotated[int, typer.Option(min=1, help="Puzzles of each set at most.")] = 40,
    models_dir: Annotated[
        Path | None, typer.Option(help="Own models; by default the shipped ones.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Ask for what is there and for what is not."""
    solver = LocalSolver(Settings(backend="own", models_dir=models_dir, threads=threads, workers=1))
    sure: dict[tuple[str, str], list[bool]] = {}
    for puzzles in map(read_puzzles, sets):
        rng = np.random.default_rng(7)
        chosen = puzzles.puzzles[:limit]
        for puzzle in track(chosen, description=puzzles.folder.name, console=Console(stderr=True)):
            for case, prompt in _asks(puzzles, puzzle, rng):
                try:
                    body = solver.solve(puzzles.folder, puzzle.background, prompt)
                except ServiceError:
                    continue
                key = (puzzle.kind, case)
                sure.setdefault(key, []).append(float(str(body["confidence"])) > _SURE)
    table = Table(title=f"Confidence above {_SURE}")
    for column in ("prompt", "asked for", "n", "above", "95 % interval"):
        table.add_column(column, justify="left" if column in ("prompt", "asked for") else "right")
    for (kind, case), flags in sorted(sure.items(), key=lambda e: (e[0][0], _ORDER.index(e[0][1]))):
        low, high = wilson_interval(sum(flags), len(flags))
        share = sum(flags) / len(flags)
        table.add_row(kind, case, str(len(flags)), f"{share:.1%}", f"{low:.1%} - {high:.1%}")
    Console().print(table)


def _asks(puzzles: PuzzleSet, puzzle: Puzzle, rng: Generator) -> Iterator[Ask]:
    """The prompts that one picture is asked, and what is special about each."""
    yield _ORDER[0], puzzle.prompt
    others = [p for p in puzzles.puzzles if p.id != puzzle.id]
    other = others[int(rng.integers(len(others)))]
    if puzzle.kind in ("words", "icons"):
        own = _items(puzzle)
        foreign = [item for item in _items(other) if item not in own]
        if not foreign:
            return
        new = foreign[int(rng.integers(len(foreign)))]
        yield _ORDER[1], {puzzle.kind: (new,)}
        if len(own) > 1:
            place = int(rng.integers(len(own)))
            yield _ORDER[2], {puzzle.kind: (*own[:place], new, *own[place + 1 :])}
        yield _ORDER[3], {puzzle.kind: tuple(foreign)}
    elif puzzle.kind == "image":
        yield _ORDER[3], other.prompt


def _items(puzzle: Puzzle) -> tuple[str, ...]:
    """The words, or the names of the icons' files."""
    return puzzle.words if puzzle.kind == "words" else puzzle.icons


if __name__ == "__main__":
    typer.run(main)
