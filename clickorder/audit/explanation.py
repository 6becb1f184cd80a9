"""Which measured property explains the solver's failures: a logistic regression with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clickorder.audit.extra import need_scikit_learn
from training.evaluation.statistics import SolvedOf

F64 = NDArray[np.float64]

FEWEST = 8
"""Failures, and solved puzzles, from which it is worth asking."""

_RESAMPLES = 200
_SEED = 20260


@dataclass(frozen=True, slots=True)
class Effect:
    """What one property does.

    Attributes:
        name: One of `PROPERTIES`.
        log_odds: By how much the logarithm of the odds of failure grows with one standard
            deviation of the property, all others being equal.
        interval: Bootstrap 95 % interval of it.
        deviation: Standard deviation of the property, in its unit.
    """

    name: str
    log_odds: float
    interval: tuple[float, float]
    deviation: float

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.interval[0] > 0 or self.interval[1] < 0


@dataclass(frozen=True, slots=True)
class Explanation:
    """What explains failures.

    Attributes:
        effects: The strongest first.
        auc: Area under the ROC curve of failures predicted from the properties, in puzzles that
            the regression has not seen; 0.5 explains nothing.
        n: Puzzles.
    """

    effects: tuple[Effect, ...]
    auc: float
    n: int


@dataclass(frozen=True, slots=True)
class Third(SolvedOf):
    """A third of the puzzles, by one property.

    Attributes:
        low: Least value of the property.
        high: Greatest.
        n: Puzzles.
        solved: Number of them that were solved.
    """

    low: float
    high: float
    n: int
    solved: int


def explain(
    measured: Sequence[Mapping[str, float]], failed: Sequence[bool], names: Sequence[str]
) -> Explanation | None:
    """Fit failure to the properties.

    Args:
        measured: A row a puzzle; what some row lacks, or all rows share, is left out.
        failed: Whether each was not solved.
        names: Properties to ask for.

    Returns:
        None where there are too few failures or solved puzzles, or nothing differs.

    Raises:
        CommandError: scikit-learn is not installed.
    """
    need_scikit_learn()
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    target = np.array(failed, bool)
    if min(target.sum(), (~target).sum()) < FEWEST:
        return None
    used = varying(measured, names)
    if not used:
        return None
    rows = np.array([[row[name] for name in used] for row in measured], np.float64)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    folds = StratifiedKFold(5, shuffle=True, random_state=_SEED)
    predicted = cross_val_predict(model, rows, target, cv=folds, method="predict_proba")[:, 1]
    scaled = StandardScaler().fit_transform(rows)
    fit = LogisticRegression().fit(scaled, target).coef_[0]
    drawn = _resampled(scaled, target, LogisticRegression())
    low, high = np.percentile(drawn, (2.5, 97.5), axis=0)
    effects = [
        Effect(name, float(fit[i]), (float(low[i]), float(high[i])), float(rows[:, i].std()))
        for i, name in enumerate(used)
    ]
    effects.sort(key=lambda effect: -abs(effect.log_odds))
    return Explanation(tuple(effects), float(roc_auc_score(target, predicted)), len(target))


def varying(measured: Sequence[Mapping[str, float]], names: Sequence[str]) -> list[str]:
    """The properties that all rows have, and that differ between them."""
    return [
        name
        for name in names
        if all(name in row for row in measured) and len({row[name] for row in measured}) > 1
    ]


def thirds(
    measured: Sequence[Mapping[str, float]], failed: Sequence[bool], name: str
) -> list[Third]:
    """The solve rate of the puzzles with little, medium and much of a property.

    Equal values stay together, so that there may be fewer than three parts.
    """
    values = np.array([row[name] for row in measured])
    edges = np.unique(np.quantile(values, (1 / 3, 2 / 3), method="inverted_cdf"))
    part = np.searchsorted(edges, values, side="left")
    right = ~np.array(failed, bool)
    return [
        Third(
            float(values[part == one].min()),
            float(values[part == one].max()),
            int((part == one).sum()),
            int(right[part == one].sum()),
        )
        for one in np.unique(part)
    ]


def _resampled(rows: F64, target: NDArray[np.bool_], model: object) -> F64:
    """`(R, P)` coefficients of the regression on bootstrap samples."""
    from sklearn.base import clone

    rng = np.random.default_rng(_SEED)
    found: list[F64] = []
    while len(found) < _RESAMPLES:
        at = rng.integers(len(rows), size=len(rows))
        if 0 < target[at].sum() < len(at):
            found.append(clone(model).fit(rows[at], target[at]).coef_[0])
    return np.array(found)
