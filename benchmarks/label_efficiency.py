"""How many labelled pictures of one's own does `clickorder adapt` need?

    python benchmarks/label_efficiency.py --out runs/label-efficiency --python .venv/bin/python

For each of three looks that the shipped models are weak at (`weak_styles.py`), models are adapted
to 0, 25, 50, 100 and 200 labelled pictures and put to 300 puzzles that they have not seen. Every
step is the command that a user types, in a process of its own. Results are kept one by one: the
same command goes on where it was interrupted.

In `--out`: `results.json`, `table.md`, `label_efficiency.png`; `STYLE-N/` with what `adapt` wrote,
`pictures/STYLE/` with the puzzle sets, and `logs/`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from benchmarks.efficiency_results import (
    BenchmarkError,
    Cell,
    Results,
    Settings,
    markdown,
    plot,
)
from benchmarks.weak_styles import CHOSEN, STYLES, WeakStyle, write_set
from labels.atomic import write_atomically
from labels.puzzles import PUZZLES_FILE, read_puzzles

ROOT = Path(__file__).resolve().parents[1]

Draw = Callable[[Path, WeakStyle, int, int], None]
"""Draws a new puzzle set: folder, style, how many, seed."""

Run = Callable[[Sequence[str], Mapping[str, str], Path], int]
"""Runs a command: its words, environment variables, a file for its output; gives its status."""

_MODELS = "CLICKORDER_MODELS_DIR"


@dataclass(frozen=True, slots=True)
class Bench:
    """Draws, adapts, evaluates.

    Attributes:
        out: Where everything is kept.
        results: Gets every cell.
        python: Interpreter that has torch and `clickorder`.
        draw: Draws puzzle sets.
        run: Runs commands.
    """

    out: Path
    results: Results
    python: str
    draw: Draw
    run: Run

    def measure(
        self, styles: Sequence[WeakStyle], counts: Sequence[int], tell: Callable[[str], None]
    ) -> int:
        """Measure every cell that is not known yet.

        Args:
            styles: Rows.
            counts: Labelled pictures.
            tell: Called with a line for every cell.

        Returns:
            How many cells could not be measured.
        """
        asked = [(style, count) for style in styles for count in counts]
        failed = 0
        for number, (style, count) in enumerate(asked, start=1):
            place = f"[{number}/{len(asked)}] {style.name}, {count} pictures: "
            cell = self.results.cells.get((style.name, count))
            if cell is not None:
                tell(f"{place}{cell} (known)")
                continue
            try:
                cell = self._cell(style, count)
            except BenchmarkError as error:
                failed += 1
                tell(f"{place}{error}")
                continue
            self.results.add(cell)
            tell(f"{place}{cell}")
        return failed

    def _cell(self, style: WeakStyle, count: int) -> Cell:
        settings = self.results.settings
        name = f"{style.name}-{count}"
        # Puzzles depend on style, seed and number alone, so that a smaller set is the beginning
        # of a larger one; the unseen ones have a seed of their own.
        unseen = self._pictures(style, "test", settings.test, 2 * settings.seed + 1)
        environment = {"CLICKORDER_BACKEND": "own"}
        minutes, resumed = 0.0, False
        if count:
            learned = self._pictures(style, str(count), count, 2 * settings.seed)
            adapted = self.out / name
            resumed = adapted.exists()
            begun_s = perf_counter()
            # What is measured here is measured on unseen puzzles: all but a tenth may teach.
            options = ["--minutes", str(settings.minutes), "--seed", str(settings.seed)]
            options += ["--test", "0", "--validation", "0.1"]
            self._clickorder(name, ["adapt", str(learned), "--out", str(adapted), *options], {})
            minutes = (perf_counter() - begun_s) / 60
            environment[_MODELS] = str(adapted / "bundle")
        answer = self.out / "logs" / f"{name}.json"
        self._clickorder(name, ["evaluate", str(unseen), "--json", str(answer)], environment)
        try:
            (group,) = json.loads(answer.read_text(encoding="utf-8"))["groups"]
            solved, n, failures = group["solved"], group["n"], group["failures"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BenchmarkError(f"{answer} has no result ({error}).") from error
        return Cell(style.name, count, n, solved, failures, round(minutes, 2), resumed)

    def _pictures(self, style: WeakStyle, name: str, count: int, seed: int) -> Path:
        folder = self.out / "pictures" / style.name / name
        # The lines are written last: without them, an interrupted run left pictures only.
        if not (folder / PUZZLES_FILE).exists():
            self.draw(folder, style, count, seed)
        found = len(read_puzzles(folder))
        if found != count:
            raise BenchmarkError(
                f"{folder} has {found} puzzles and not {count}; name another --out."
            )
        return folder

    def _clickorder(self, name: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
        log = self.out / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [self.python, "-m", "clickorder", *words]
        status = self.run(command, environment, log)
        if status:
            raise BenchmarkError(
                f"`clickorder {words[0]}` ended with status {status}; {log} says why."
            )


def run_command(command: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
    """Run a command in the repository, its output at the end of a file.

    Raises:
        BenchmarkError: there is no such program.
    """
    # The user's own models would be measured in place of the shipped ones.
    inherited = {name: value for name, value in os.environ.items() if name != _MODELS}
    with log.open("ab") as output:
        try:
            return subprocess.run(
                command,
                cwd=ROOT,
                env={**inherited, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        except OSError as error:
            raise BenchmarkError(
                f"{command[0]} cannot be run ({error.strerror}); name the interpreter by --python."
            ) from error


def _drawer() -> Draw:
    """Draws with the held-back ingredients, opened at the first set."""
    from functools import cache

    from training.synthetic.ingredients.palette import Palette
    from training.synthetic.ingredients.store import IngredientStore

    @cache
    def palette() -> Palette:
        return Palette.of(IngredientStore.open(), "test")

    def draw(folder: Path, style: WeakStyle, count: int, seed: int) -> None:
        write_set(folder, style, palette(), count, seed)

    return draw


def _numbers(text: str) -> list[int]:
    try:
        counts = sorted({int(part) for part in text.split(",")})
    except ValueError:
        counts = []
    if not counts or counts[0] < 0:
        raise BenchmarkError(f"--counts is {text!r}; give whole numbers between commas: 0,25,50.")
    return counts


def _styles(names: Sequence[str]) -> list[WeakStyle]:
    known = {style.name: style for style in STYLES}
    for name in names:
        if name not in known:
            raise BenchmarkError(f"There is no style {name!r}; use some of {', '.join(known)}.")
    return [known[name] for name in dict.fromkeys(names)]


def main(
    out: Annotated[Path, typer.Option(help="Folder of everything; what is there is gone on with.")],
    style: Annotated[
        list[str] | None,
        typer.Option(help=f"Can be repeated. [default: {', '.join(CHOSEN)}]", show_default=False),
    ] = None,
    counts: Annotated[
        str, typer.Option(help="Labelled pictures, between commas; 0 is the shipped models.")
    ] = "0,25,50,100,200",
    test: Annotated[int, typer.Option(min=1, help="Unseen puzzles of each style.")] = 300,
    minutes: Annotated[float, typer.Option(min=0.1, help="Of training, for each cell.")] = 4.0,
    seed: Annotated[int, typer.Option(min=0, help="Of pictures and training.")] = 1,
    python: Annotated[
        str,
        typer.Option(help="Interpreter that has torch. [default: this one]", show_default=False),
    ] = sys.executable,
    report: Annotated[
        bool, typer.Option("--report", help="Only write table and plot of what is known.")
    ] = False,
) -> None:
    """Measure what labelled pictures of one's own bring; the defaults take about an hour.

    Exit status: 0 all is measured, 1 some cells could not be, 2 nothing was begun.
    """
    from labels.errors import LabelsError
    from training.synthetic.errors import SyntheticError

    failed = 0
    try:
        file = out.resolve() / "results.json"
        if report:
            results = Results.read(file)
        else:
            results = Results.open(file, Settings(minutes, test, seed))
            # A link must stay one: what it leads to would not know the environment's packages.
            interpreter = str(Path(python).absolute()) if os.sep in python else python
            bench = Bench(file.parent, results, interpreter, _drawer(), run_command)
            failed = bench.measure(_styles(style or CHOSEN), _numbers(counts), typer.echo)
    except (BenchmarkError, LabelsError, SyntheticError) as error:
        typer.echo(f"label_efficiency: {error}", err=True)
        raise typer.Exit(2) from error
    except OSError as error:
        place = error.filename or out
        typer.echo(f"label_efficiency: {place} cannot be used ({error.strerror}).", err=True)
        raise typer.Exit(2) from error
    if results.cells:
        text = markdown(results)
        write_atomically(file.with_name("table.md"), text.encode())
        typer.echo(f"\n{text}")
        try:
            plot(results, file.with_name("label_efficiency.png"))
        except ImportError as error:
            typer.echo(f"There is no plot: {error.name} is not installed.", err=True)
    if failed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
