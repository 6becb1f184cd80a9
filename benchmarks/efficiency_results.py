"""Results of `label_efficiency.py`: kept in a file cell by cell, shown as a table and a plot."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks.weak_styles import STYLES
from labels.atomic import write_atomically
from training.evaluation.statistics import SolvedOf

_MARKERS = "osD^vP*X"


class BenchmarkError(Exception):
    """A measurement cannot be made; `str(error)` is one sentence."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What all cells of one `results.json` share.

    Attributes:
        minutes: Minutes of training.
        test: Unseen puzzles of each style.
        seed: Random seed of pictures and training.
    """

    minutes: float
    test: int
    seed: int


@dataclass(frozen=True, slots=True)
class Cell(SolvedOf):
    """One style, adapted to one number of pictures.

    Attributes:
        style: Its name.
        count: Labelled pictures; 0 is the shipped models.
        n: Puzzles they were put to.
        solved: How many of them were solved.
        failures: Cause to number of puzzles.
        minutes: That the whole `adapt` took; 0 without one.
        resumed: Whether an earlier run had begun it, so that it took longer than `minutes`.
    """

    style: str
    count: int
    n: int
    solved: int
    failures: Mapping[str, int]
    minutes: float
    resumed: bool = False

    def __str__(self) -> str:
        low, high = self.interval
        took = f", {self.minutes:.1f} minutes" if self.count else ""
        return f"solved {self.rate:.1%} ({low:.1%} - {high:.1%}){took}"


@dataclass(slots=True)
class Results:
    """The cells that are done, kept in a file.

    Attributes:
        file: `results.json`.
        settings: Settings of all cells.
        cells: By style and count.
        cores: Cores of the machine that trained.
    """

    file: Path
    settings: Settings
    cells: dict[tuple[str, int], Cell] = field(default_factory=dict)
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)

    @classmethod
    def read(cls, file: Path) -> "Results":
        """What a file holds.

        Raises:
            BenchmarkError: it cannot be read.
        """
        try:
            raw: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            cells = [Cell(**cell) for cell in raw["cells"]]
            settings = Settings(**raw["settings"])
            return cls(file, settings, {(c.style, c.count): c for c in cells}, raw["cores"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BenchmarkError(
                f"{file} cannot be read ({error}); name another folder with --out."
            ) from error

    @classmethod
    def open(cls, file: Path, settings: Settings) -> "Results":
        """What a file holds, or nothing yet where there is none.

        Raises:
            BenchmarkError: it cannot be read, or was measured with other settings.
        """
        if not file.exists():
            return cls(file, settings)
        results = cls.read(file)
        if results.settings != settings:
            was = ", ".join(f"--{name} {value}" for name, value in asdict(results.settings).items())
            raise BenchmarkError(
                f"{file} was measured with {was}; use these again, or name another --out."
            )
        return results

    def add(self, cell: Cell) -> None:
        """Keep a cell, on disk at once."""
        self.cells[cell.style, cell.count] = cell
        content = {
            "settings": asdict(self.settings),
            "cores": self.cores,
            "cells": [asdict(self.cells[key]) for key in sorted(self.cells)],
        }
        text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        write_atomically(self.file, text.encode())


def markdown(results: Results) -> str:
    """All cells as a table with what it says above."""
    settings = results.settings
    about = (
        f"{settings.test} unseen puzzles of each style; training for {settings.minutes:g} minutes "
        f"on {results.cores} cores. Solved: with Wilson's 95 % interval. Minutes: of the whole "
        "`clickorder adapt`, its checks and measurements included (≥: it was interrupted). Errors "
        "gone: of those that the shipped models make."
    )
    head = "| style | labelled pictures | solved | minutes | errors gone |"
    lines = [about, "", head, "|---|---:|---:|---:|---:|"]
    for (style, count), cell in _in_order(results).items():
        low, high = cell.interval
        minutes = f"{'≥ ' if cell.resumed else ''}{cell.minutes:.1f}" if count else "-"
        gone = _errors_gone(cell, results.cells.get((style, 0)))
        lines.append(
            f"| {style} | {count} | {cell.rate:.1%} ({low:.1%} - {high:.1%}) | {minutes} | "
            f"{'-' if gone is None else f'{gone:.0%}'} |"
        )
    return "\n".join(lines) + "\n"


def plot(results: Results, file: Path) -> None:
    """Solve rate against labelled pictures, a line for each style.

    Args:
        results: At least one cell.
        file: Gets the PNG.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    looks = {style.name: style.look for style in STYLES}
    lines: dict[str, list[Cell]] = {}
    for (style, _), cell in _in_order(results).items():
        lines.setdefault(style, []).append(cell)
    for number, (style, cells) in enumerate(lines.items()):
        rates = [100 * cell.rate for cell in cells]
        errors = [
            [rate - 100 * cell.interval[0] for rate, cell in zip(rates, cells, strict=True)],
            [100 * cell.interval[1] - rate for rate, cell in zip(rates, cells, strict=True)],
        ]
        axes.errorbar(
            [cell.count for cell in cells],
            rates,
            errors,
            marker=_MARKERS[number % len(_MARKERS)],
            capsize=4,
            label=f"{style}: {looks.get(style, 'unknown look')}",
        )
    axes.set_xticks(sorted({count for _, count in results.cells}))
    axes.set_xlabel("labelled pictures")
    axes.set_ylabel(f"solved of {results.settings.test} unseen puzzles, %")
    axes.set_ylim(0, 101)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=9)
    data = BytesIO()
    figure.savefig(data, format="png", dpi=150)
    write_atomically(file, data.getvalue())


def _in_order(results: Results) -> dict[tuple[str, int], Cell]:
    """The cells, styles in the order of `STYLES`."""
    names = [style.name for style in STYLES]

    def rank(key: tuple[str, int]) -> tuple[int, str, int]:
        style, count = key
        return names.index(style) if style in names else len(names), style, count

    return {key: results.cells[key] for key in sorted(results.cells, key=rank)}


def _errors_gone(cell: Cell, shipped: Cell | None) -> float | None:
    """The share; None where there is nothing to compare with."""
    if shipped is None or cell is shipped or shipped.rate == 1:
        return None
    return 1 - (1 - cell.rate) / (1 - shipped.rate)
