"""Which knob of a generator costs the solver most, per unit of legibility that people lose."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from clickorder.audit.answers import Solver
from clickorder.audit.extra import need_scikit_learn
from clickorder.audit.generator import Generator, legibility, write_parts
from training.evaluation.scoring import read_reply, score_reply
from training.evaluation.statistics import SolvedOf

F64 = NDArray[np.float64]

LEAST_READABLE = 0.9
"""Share of puzzles of which people must be able to read every item, for advice."""

UNMEASURED = 0.05
"""Legibility lost below which it is not told from none; keeps the quotient finite."""

_SPLINE_KNOTS = 4
_STEPS = 9
_AVERAGED = 256
_CANDIDATES = 2048
_RESAMPLES = 30

_PROPOSALS = 6
"""Settings that are drawn before what was drawn for the fit stands in."""

_GIVEN_UP = 0.25
"""Distance, in shares of the ranges, within which nothing more is proposed."""


@dataclass(frozen=True, slots=True)
class Knob:
    """What one knob does, the others averaged over their ranges.

    Attributes:
        name: Name of the setting.
        values: Along its range.
        solved: Fitted solve rate at each value.
        legible: Fitted legibility at each value.
        harm: Fall of the solve rate from the range's one end to the other, 0..1.
        harm_interval: Bootstrap 90 % interval.
        lost: Fall of legibility on the same way, 0..1.
        per_lost: Harm for the legibility lost; what is ranked.
        upwards: Whether greater values harm the solver.
    """

    name: str
    values: tuple[float, ...]
    solved: tuple[float, ...]
    legible: tuple[float, ...]
    harm: float
    harm_interval: tuple[float, float]
    lost: float
    per_lost: float
    upwards: bool


@dataclass(frozen=True, slots=True)
class Advice(SolvedOf):
    """Settings that are hardest for the machine among those at which people can read the puzzles.

    Attributes:
        settings: Name to value.
        n: Puzzles drawn there afterwards.
        solved: Number of them that were solved.
        readable: Number of them that people can read.
    """

    settings: dict[str, float]
    n: int
    solved: int
    readable: int


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found.

    Attributes:
        name: Name of the generator.
        knobs: The most harm per legibility lost first.
        n: Puzzles drawn for the fit.
        solved: Number of them that were solved.
        readable: Number of them that people can read.
        advice: None where no settings that were drawn for it are readable, or the solver always
            did the same.
    """

    name: str
    knobs: tuple[Knob, ...]
    n: int
    solved: int
    readable: int
    advice: Advice | None


@dataclass(frozen=True, slots=True)
class _Rows:
    """Drawn puzzles: settings as shares of the ranges `(N, K)`, and what came of each."""

    shares: F64
    point: NDArray[np.intp]
    solved: NDArray[np.bool_]
    score: F64
    readable: NDArray[np.bool_]


def search(
    generator: Generator,
    solver: Solver,
    *,
    points: int = 40,
    puzzles: int = 5,
    seed: int = 1,
    advance: Callable[[], object] = lambda: None,
) -> Search:
    """Draw over the whole range of all knobs, solve, and fit.

    Args:
        generator: The plug-in.
        solver: Asked for every puzzle.
        points: Settings of the Latin hypercube.
        puzzles: Drawn at each.
        seed: Another one draws otherwise.
        advance: Called after each puzzle.

    Raises:
        CommandError: the generator fails, or scikit-learn is not installed.
        OSError: a picture cannot be written.
    """
    need_scikit_learn()
    hypercube = qmc.LatinHypercube(len(generator.knobs), optimization="random-cd", rng=seed)
    design = hypercube.random(points)
    rows = _drawn(generator, solver, design, puzzles, seed, advance)
    model = _Surfaces.fit(rows)
    resampled = [
        _Surfaces.fit(_resample(rows, np.random.default_rng([seed, number])))
        for number in range(_RESAMPLES)
    ]
    averaged = qmc.LatinHypercube(len(generator.knobs), rng=seed + 1).random(_AVERAGED)
    knobs = [
        _knob(generator, index, model, resampled, averaged) for index in range(len(generator.knobs))
    ]
    knobs.sort(key=lambda knob: -knob.per_lost)
    return Search(
        generator.name,
        tuple(knobs),
        len(rows.solved),
        int(rows.solved.sum()),
        int(rows.readable.sum()),
        _advice(generator, solver, rows, seed, 4 * puzzles, advance),
    )


def puzzle_count(points: int, puzzles: int) -> int:
    """How many puzzles `search` draws at most."""
    return points * puzzles + 4 * puzzles * (_PROPOSALS + 1)


def _drawn(
    generator: Generator,
    solver: Solver,
    design: F64,
    puzzles: int,
    seed: int,
    advance: Callable[[], object],
) -> _Rows:
    rows: list[tuple[int, bool, float, bool]] = []
    with tempfile.TemporaryDirectory() as name:
        for point, shares in enumerate(design):
            settings = generator.settings(shares)
            for number in range(puzzles):
                rng = np.random.default_rng([seed, point, number])
                parts = generator.draw(settings, rng)
                puzzle = write_parts(parts, f"{point}-{number}", Path(name))
                score = score_reply(puzzle, read_reply(solver(puzzle, Path(name))))
                rows.append((point, score.solved, *legibility(parts)))
                advance()
    at = np.array([row[0] for row in rows])
    return _Rows(
        design[at],
        at,
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows]),
        np.array([row[3] for row in rows]),
    )


def _resample(rows: _Rows, rng: np.random.Generator) -> _Rows:
    """A bootstrap sample of whole points: puzzles of one setting are no independent evidence."""
    points = np.unique(rows.point)
    chosen = np.concatenate(
        [np.flatnonzero(rows.point == point) for point in rng.choice(points, len(points))]
    )
    return _Rows(
        rows.shares[chosen],
        rows.point[chosen],
        rows.solved[chosen],
        rows.score[chosen],
        rows.readable[chosen],
    )


@dataclass(frozen=True, slots=True)
class _Surfaces:
    """Fitted surfaces: solve rate, legibility, share readable."""

    solve: Any
    score: Any
    readable: Any

    @classmethod
    def fit(cls, rows: _Rows) -> "_Surfaces":
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler

        parabolas = PolynomialFeatures(2, include_bias=False)
        # Legibility falls in steps, which a parabola would make the other knobs pay for.
        splines = SplineTransformer(_SPLINE_KNOTS, include_bias=False)

        def surface(terms: Any, model: Any, target: NDArray[Any]) -> Any:
            if len(np.unique(target)) == 1:
                return float(target[0])
            return make_pipeline(terms, StandardScaler(), model).fit(rows.shares, target)

        return cls(
            surface(parabolas, LogisticRegression(C=0.5, max_iter=500), rows.solved),
            surface(splines, Ridge(20.0), rows.score),
            surface(splines, LogisticRegression(C=0.5, max_iter=500), rows.readable),
        )

    def solve_rate(self, shares: F64) -> F64:
        """`(N, K)` to `(N,)`."""
        return _predicted(self.solve, shares)

    def legibility(self, shares: F64) -> F64:
        """`(N, K)` to `(N,)`."""
        return _predicted(self.score, shares)

    def readable_rate(self, shares: F64) -> F64:
        """`(N, K)` to `(N,)`."""
        return _predicted(self.readable, shares)


def _predicted(surface: Any, shares: F64) -> F64:
    if isinstance(surface, float):
        return np.full(len(shares), surface)
    has_chances = hasattr(surface, "predict_proba")
    found: F64 = surface.predict_proba(shares)[:, 1] if has_chances else surface.predict(shares)
    return np.clip(found, 0, 1)


def _along(surface: Callable[[F64], F64], index: int, averaged: F64) -> F64:
    """`(S,)` means over the other knobs along one knob's range."""
    means = []
    for share in np.linspace(0, 1, _STEPS):
        moved = averaged.copy()
        moved[:, index] = share
        means.append(float(surface(moved).mean()))
    return np.array(means)


def _knob(
    generator: Generator,
    index: int,
    model: _Surfaces,
    resampled: Sequence[_Surfaces],
    averaged: F64,
) -> Knob:
    name = list(generator.knobs)[index]
    solved = _along(model.solve_rate, index, averaged)
    legible = _along(model.legibility, index, averaged)
    upwards = bool(solved[-1] <= solved[0])
    ends = (0, -1) if upwards else (-1, 0)
    harm = float(solved[ends[0]] - solved[ends[1]])
    lost = max(0.0, float(legible[ends[0]] - legible[ends[1]]))
    harms = []
    for one in resampled:
        again = _along(one.solve_rate, index, averaged)
        harms.append(float(again[ends[0]] - again[ends[1]]))
    low, high = np.percentile(harms, (5, 95))
    values = tuple(generator.knobs[name].at(float(share)) for share in np.linspace(0, 1, _STEPS))
    return Knob(
        name,
        values,
        tuple(map(float, solved)),
        tuple(map(float, legible)),
        harm,
        (float(low), float(high)),
        lost,
        harm / (lost + UNMEASURED),
        upwards,
    )


def _advice(
    generator: Generator,
    solver: Solver,
    rows: _Rows,
    seed: int,
    n: int,
    advance: Callable[[], object],
) -> Advice | None:
    """The settings that are hardest for the machine among those that people can really read.

    A fitted surface can be wrong where two knobs together make a puzzle unreadable. So what it
    proposes is drawn, and where people cannot read that, the proposal and what lies near it are
    given up, and the surface is fitted again with the new puzzles. In the end the hardest readable
    one of the settings that were drawn before stands in.
    """
    candidates = qmc.LatinHypercube(len(generator.knobs), rng=seed + 2).random(_CANDIDATES)
    for attempt in range(_PROPOSALS):
        model = _Surfaces.fit(rows)
        if isinstance(model.solve, float):
            return None
        allowed = candidates[model.readable_rate(candidates) >= LEAST_READABLE]
        if not len(allowed):
            break
        best = allowed[int(model.solve_rate(allowed).argmin())]
        drawn = _drawn(generator, solver, best[None], n, seed + 3 + attempt, advance)
        if drawn.readable.mean() >= LEAST_READABLE:
            return _measured(generator, best, drawn)
        rows = _joined(rows, drawn)
        candidates = candidates[np.linalg.norm(candidates - best, axis=1) > _GIVEN_UP]
    best = _hardest_readable(rows)
    if best is None:
        return None
    drawn = _drawn(generator, solver, best[None], n, seed + 3 + _PROPOSALS, advance)
    if drawn.readable.mean() < LEAST_READABLE:
        return None
    return _measured(generator, best, drawn)


def _measured(generator: Generator, shares: F64, drawn: _Rows) -> Advice:
    solved, readable = int(drawn.solved.sum()), int(drawn.readable.sum())
    return Advice(generator.settings(shares), len(drawn.solved), solved, readable)


def _joined(rows: _Rows, more: _Rows) -> _Rows:
    """All puzzles; the point of the new ones is a new one."""
    return _Rows(
        np.concatenate([rows.shares, more.shares]),
        np.concatenate([rows.point, more.point + rows.point.max() + 1]),
        np.concatenate([rows.solved, more.solved]),
        np.concatenate([rows.score, more.score]),
        np.concatenate([rows.readable, more.readable]),
    )


def _hardest_readable(rows: _Rows) -> F64 | None:
    """The settings drawn with the lowest solve rate of those that people can read, if any."""
    points = [rows.point == point for point in np.unique(rows.point)]
    legible = [at for at in points if rows.readable[at].mean() >= LEAST_READABLE]
    if not legible:
        return None
    hardest = min(legible, key=lambda at: float(rows.solved[at].mean()))
    shares: F64 = rows.shares[hardest][0]
    return shares
