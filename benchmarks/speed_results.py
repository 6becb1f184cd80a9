"""What `benchmarks/speed.py` finds, and its tables."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rich.table import Table

USUAL = "usual"
"""The row that the others are compared with."""

_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Spread:
    """Least, median and greatest of several rounds."""

    least: float
    median: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of at least one value."""
        return cls(min(values), median(values), max(values))

    def __str__(self) -> str:
        digits = max(0, 2 - int(math.log10(max(abs(self.median), 0.01))))
        least, middle, most = (f"{v:.{digits}f}" for v in (self.least, self.median, self.greatest))
        return middle if least == most else f"{middle} ({least} to {most})"


@dataclass(frozen=True, slots=True)
class Latency:
    """One row on one group of puzzles, in process, one puzzle at a time.

    Attributes:
        row: Name of the row.
        group: Name of the group.
        puzzles: Size of the group.
        p50_ms: Over the rounds.
        p95_ms: The same.
        p99_ms: The same.
        speed: Median of the puzzles' ratios, the usual pipeline's time by this row's.
        speed_interval: Bootstrap 95 % interval of `speed`.
        solve_rate: Share of the group that is solved, of 1.
    """

    row: str
    group: str
    puzzles: int
    p50_ms: Spread
    p95_ms: Spread
    p99_ms: Spread
    speed: float
    speed_interval: tuple[float, float]
    solve_rate: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """One row on one group of puzzles, as many at a time as there are clients.

    Attributes:
        row: Name of the row.
        group: Name of the group.
        clients: Requests at the same time over HTTP; None for a process on each core without HTTP.
        solves_per_s: Over the rounds.
    """

    row: str
    group: str
    clients: int | None
    solves_per_s: Spread


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one row takes besides time.

    Attributes:
        row: Name of the row.
        first_answer_s: From the start of its process to its first answer, over the rounds.
        resident_mib: Median while it answers; None where only the peak is known.
        peak_mib: The kernel's high-water mark of the process.
    """

    row: str
    first_answer_s: Spread
    resident_mib: float | None
    peak_mib: float


def median_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of the median of `(N,)` values, by resampling them."""
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(values, (_RESAMPLES, len(values))), axis=1)
    low, high = np.percentile(medians, (2.5, 97.5))
    return float(low), float(high)


def cost_per_million(solves_per_s: float, cores: int, price_per_core_hour: float) -> float:
    """What a million solves cost, in the unit of the price."""
    return 1e6 / (solves_per_s * 3600) * cores * price_per_core_hour


def tables(
    latency: Sequence[Latency],
    throughput: Sequence[Throughput],
    footprints: Sequence[Footprint],
    cores: int,
    price: float,
) -> "list[Table]":
    """Three tables: latency in process, throughput with its cost, memory and start."""
    from rich.table import Table

    times = Table(title="In process, one at a time", title_justify="left")
    for column in ("row", "puzzles", "p50 ms", "p95 ms", "p99 ms", "p95 / p50"):
        times.add_column(column)
    for column in ("times the usual (95 %)", "solved"):
        times.add_column(column)
    for one in latency:
        low, high = one.speed_interval
        times.add_row(
            one.row,
            f"{one.group} ({one.puzzles})",
            *(str(spread) for spread in (one.p50_ms, one.p95_ms, one.p99_ms)),
            f"{one.p95_ms.median / one.p50_ms.median:.1f}",
            f"{one.speed:.2f} ({low:.2f} to {high:.2f})",
            f"{one.solve_rate:.0%}",
        )
    rates = Table(title=f"Throughput on {cores} cores", title_justify="left")
    for column in ("row", "puzzles", "clients", "solves/s", "times the usual", "price of 1e6"):
        rates.add_column(column)
    usual = {one.group: one.solves_per_s.median for one in throughput if one.row == USUAL}
    for rated in throughput:
        middle = rated.solves_per_s.median
        rates.add_row(
            rated.row,
            rated.group,
            "no HTTP" if rated.clients is None else str(rated.clients),
            str(rated.solves_per_s),
            f"{middle / usual[rated.group]:.2f}" if rated.group in usual else "",
            f"{cost_per_million(middle, cores, price):.2f}",
        )
    taken = Table("row", "first answer s", "resident MiB", "peak MiB", title="Start and memory")
    for print_ in footprints:
        resident = "" if print_.resident_mib is None else f"{print_.resident_mib:.0f}"
        taken.add_row(print_.row, str(print_.first_answer_s), resident, f"{print_.peak_mib:.0f}")
    return [times, rates, taken]
