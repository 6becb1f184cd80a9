"""Fit how a backend's scores become probabilities, on validation puzzles.

    python -m benchmarks.calibrate --backend ddddocr --out service/calibrations/ddddocr.json SET...

Each kind of prompt and each look has a calibration of its own. The weight of the detector's scores
is the one that solves most. The temperature and the score of "no box" shape the share of the best
assignment; the Platt scaling turns share times detector evidence into the probability that the
whole answer is right, with the worst and the mean fit of the items, and whether there is only one,
as further variables. All minimise the log loss over the puzzles. Every second puzzle is also asked
for one of its items alone and for what is not in the picture (a word or an icon of another puzzle
alone or among its own, and nothing but such), where no answer is right: without these, confidence
would say which of several answers is best, and not whether there is one. The confidence from which
on a first look is enough is the lowest that costs no more than a few answers, and is lower where
too many puzzles would take a second one.
The weights of the models stay as they are in the file that the backend loads: set them there, run
again, and keep those that solve more. A close look is scaled on those puzzles only that come to it.
Two-fold cross-validation says what error is to be expected
on puzzles not fitted on.

Were half of all prompts for absent items, that would be the truth. Few are, so a second scaling
follows, on the puzzles' own prompts; and where more than a few answers about absent items would be
above one half, the confidence stays below it.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import track
from scipy.optimize import minimize

from benchmarks.calibration_cases import OWN, SINGLE, Case, Looks, asked, look_at, open_solver
from clickorder.local import LocalSolver
from labels.puzzles import read_puzzles
from service.settings import Settings
from service.solving.calibration import (
    INPUTS,
    KINDS,
    Calibration,
    Calibrations,
    Kind,
)
from training.evaluation.statistics import expected_calibration_error

_TEMPERATURES = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
_NULL_SCORES = (-1.0, -1.5, -2.0, -3.0, -4.0, -5.0, -6.5, -8.0, -11.0)
_DETECTOR_WEIGHTS = (0.0, 0.15, 0.3, 0.6, 1.0)
_SURE = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.83, 0.86, 0.88, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99, 1.1)
"""From 0.5 on: an answer that is more likely wrong than right is always looked at again."""

_ENOUGH = 0.006
"""Share of answers that sparing close looks may cost."""

_MOST_TWICE = 0.19
"""Share of the puzzles fitted on that may take a second pass, whatever that costs, as long as the
confidence asked for is no less than the least of `_SURE`."""

_OWN_WEIGHT: dict[Kind, float] = {"words": 1.0, "pictures": 2.0, "icons": 1.0, "names": 1.0}
"""Weight of a puzzle's own prompt, which up to four others accompany: with more of it the
confidence in what is there is less too low, and that in what is not there too high. Two-fold, on
validation puzzles: words 0.09 (1) and 0.06 (2) calibration error on own prompts, and 9 and 15 % of
those of which one of several words is absent above one half; icons 0.10 and 0.07, 10 and 13 %.
Prompt pictures are never asked for one of several absent items."""

_NAMES = (
    "share_slope", "cut_slope", "detection_slope", "faintest_slope", "worst_slope",
    "average_slope", "boxes_slope", "items_slope", "alone", "bias",
)  # fmt: skip
"""Weights of the logistic regression, in the order of the variables."""

_RISING = 6
"""The first of them are never negative: a better share or fit never means less confidence."""

_NOTHING = dict.fromkeys(INPUTS, 0.0)
"""No weights, in place of those that a file may have from before."""

_FEWEST = 40
"""Cases that a scaling of their own needs."""

_MOST_ABSENT = 0.08
"""Share of the answers about absent items, of each kind of such prompts, that may be above one
half. With 0.05 too many right answers stay below it: the two-fold calibration error of the puzzles'
own prompts is 0.050 for words and 0.053 for icons, and 0.035 and 0.031 with this."""


def main(
    sets: Annotated[list[Path], typer.Argument(help="Puzzle sets of the validation split.")],
    out: Annotated[Path, typer.Option(help="Calibration file to write.")],
    backend: Annotated[str, typer.Option(help="own or ddddocr")] = "ddddocr",
    models_dir: Annotated[Path | None, typer.Option(help="Folder of own models.")] = None,
) -> None:
    """Fit a calibration on validation puzzles."""
    settings = Settings.model_validate(
        {"backend": backend, "models_dir": models_dir, "threads": 1, "workers": 1}
    )
    puzzles = [(s, p) for s in map(read_puzzles, sets) for p in s.puzzles]
    questions = list(asked(LocalSolver(settings), puzzles))
    with ProcessPoolExecutor(
        initializer=open_solver, initargs=(settings,), mp_context=get_context("spawn")
    ) as pool:
        work = pool.map(look_at, questions, chunksize=8)
        looks = list(track(work, description="Both passes", total=len(questions)))
    fitted: dict[str, Calibration] = {}
    for kind in KINDS:
        own = [look for look in looks if look.kind == kind]
        if not any(look.first for look in own) or not any(look.close for look in own):
            continue
        _tell(own, kind)
        fitted[kind], fitted[f"{kind}_closely"] = _fit(own, kind)
        print(f"{fitted[kind]}\n{fitted[f'{kind}_closely']}")
    out.parent.mkdir(parents=True, exist_ok=True)
    Calibrations(**fitted).save(out)


def _tell(looks: Sequence[Looks], kind: Kind) -> None:
    """Print how good calibrations are that are fitted on one half, on the other half."""
    order = np.random.default_rng(3).permutation(len(looks)).tolist()
    halves = [[looks[i] for i in order[start::2]] for start in (0, 1)]
    found = [
        (look.what, *_answered(look, one, two))
        for fitted_on, tested_on in (halves, halves[::-1])
        for one, two in (_fit(fitted_on, kind),)
        for look in tested_on
    ]
    own = [row for row in found if row[0] == OWN]
    sure, right = (np.array([row[at] for row in own]) for at in (1, 2))
    twice = np.mean([row[3] for row in own])
    print(
        f"{kind}, two-fold: {right.mean():.1%} of {len(own)} right, {twice:.0%} looked at twice, "
        f"expected calibration error {expected_calibration_error(sure, right):.3f}"
    )
    for what in dict.fromkeys(row[0] for row in found if row[0] != OWN):
        rows = [row for row in found if row[0] == what]
        above = np.mean([row[1] > 0.5 for row in rows])
        print(f"  {what}: {above:.1%} of {len(rows)} above 0.5")


def _answered(look: Looks, one: Calibration, two: Calibration) -> tuple[float, bool, bool]:
    """The confidence, whether the answer is right, and whether it took a second pass."""
    first, close = look.first, look.close
    if first is not None:
        inputs = first.inputs(one)
        if one.certainty(inputs) >= one.sure:
            return one.confidence(inputs), first.right(one.detector_weight), False
    if close is None:
        return 0.0, False, True
    return two.confidence(close.inputs(two)), close.right(two.detector_weight), True


def _fit(looks: Sequence[Looks], kind: Kind) -> tuple[Calibration, Calibration]:
    """The calibrations of both passes.

    Each is fitted on all that is asked, absent items included. Then what both say is scaled on the
    puzzles' own prompts, and bounded where too many answers about absent items would be above one
    half.
    """
    one = _fit_pass([look.first for look in looks if look.first], kind)
    two = _fit_pass([look.close for look in looks if look.close], kind)
    own = [look for look in looks if look.what == OWN]
    enough = _enough(own, one, two)
    unsure = [look for look in looks if not look.first or _sure([look.first], one)[0] < enough]
    two = _rescaled(two, [look.close for look in unsure if look.close], kind)
    first = [look.first for look in own if look.first]
    close = [look.close for look in unsure if look.close and look.what == OWN]
    bound = _present_from(looks, one, two, enough)
    one = replace(_for_own(one, first), present_from=bound)
    logit = np.log(enough) - np.log1p(-min(enough, 1 - 1e-9))
    sure = 1 / (1 + np.exp(-(one.own_slope * logit + one.own_bias)))
    return replace(one, sure=float(sure)), replace(_for_own(two, close), present_from=bound)


def _for_own(calibration: Calibration, cases: Sequence[Case]) -> Calibration:
    """The calibration with its second scaling fitted on puzzles with their own prompts."""
    if len(cases) < _FEWEST:
        return calibration
    logits = _logits(cases, calibration)
    right = np.array([case.right(calibration.detector_weight) for case in cases])

    def loss(weights: NDArray[np.float64]) -> float:
        scaled = weights[0] * logits + weights[1]
        fit = np.logaddexp(0, np.where(right, -scaled, scaled)).mean()
        # Little data should change little.
        return float(fit + 1e-3 * ((weights[0] - 1) ** 2 + weights[1] ** 2))

    found = minimize(loss, [1.0, 0.0], method="L-BFGS-B", bounds=[(0.05, 5.0), (None, None)])
    return replace(calibration, own_slope=float(found.x[0]), own_bias=float(found.x[1]))


def _present_from(
    looks: Sequence[Looks], one: Calibration, two: Calibration, enough: float
) -> float:
    """The logit that only a few of the answers about absent items reach, of each kind of them."""
    by_what: dict[str, list[float]] = {}
    for look in looks:
        if look.what in (OWN, SINGLE):
            continue
        logit = -np.inf
        if look.first and _sure([look.first], one)[0] >= enough:
            logit = float(_logits([look.first], one)[0])
        elif look.close:
            logit = float(_logits([look.close], two)[0])
        by_what.setdefault(look.what, []).append(logit)
    bounds = [
        float(np.quantile(logits, 1 - _MOST_ABSENT, method="higher"))
        for logits in by_what.values()
        if len(logits) >= _FEWEST
    ]
    return max([*bounds, Calibration().present_from])


def _rescaled(calibration: Calibration, cases: Sequence[Case], kind: Kind) -> Calibration:
    """The calibration with its Platt scaling fitted on the cases that come to the close look.

    These are the hard ones: a scaling fitted on all of them says too much.
    """
    if len(cases) < _FEWEST:
        return calibration
    right = np.array([case.right(calibration.detector_weight) for case in cases])
    scaled, _ = _regression(_variables(cases, calibration), right, _counts(cases, kind))
    return replace(calibration, **scaled)


def _enough(looks: Sequence[Looks], one: Calibration, two: Calibration) -> float:
    """The confidence from which on a first look is enough, before the second scaling.

    The lowest that costs few answers, or a lower one with which few enough take a second look.
    """
    sure_of = np.array([_sure([look.first], one)[0] if look.first else 0.0 for look in looks])
    first, close = (
        np.array([bool(case) and case.right(fit.detector_weight) for case in cases])
        for cases, fit in (
            ([look.first for look in looks], one), ([look.close for look in looks], two)
        )
    )  # fmt: skip
    solved = {s: float(np.where(sure_of >= s, first, close).mean()) for s in _SURE}
    cheap = min(s for s in _SURE if solved[s] >= max(solved.values()) - _ENOUGH)
    seldom = max((s for s in _SURE if (sure_of < s).mean() <= _MOST_TWICE), default=_SURE[0])
    return min(cheap, seldom)


def _variables(cases: Sequence[Case], own: Calibration) -> NDArray[np.float64]:
    """`(N, 10)` what `_NAMES` weigh, in their order."""
    rows = []
    for case in cases:
        inputs = case.inputs(own)
        rows.append([getattr(inputs, INPUTS[name]) for name in _NAMES[:-1]] + [1.0])
    return np.array(rows).reshape(-1, len(_NAMES))


def _regression(
    variables: NDArray[np.float64], right: NDArray[np.bool_], counts: NDArray[np.float64]
) -> tuple[dict[str, float], float]:
    """Weights of the variables by `_NAMES`, and the mean log loss.

    Args:
        variables: `(N, 10)`.
        right: `(N,)` whether the answer was right.
        counts: `(N,)` how much each case counts.
    """
    scale = np.maximum(variables.std(axis=0), 1e-6)
    scale[-1] = 1.0
    scaled, shares = variables / scale, counts / counts.sum()

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = scaled @ weights
        # A little of a ridge: a few cases may be told apart without a fault.
        value = shares @ np.logaddexp(0, np.where(right, -logits, logits))
        value += 5e-4 * weights[:-1] @ weights[:-1]
        slope = scaled.T @ (shares * (1 / (1 + np.exp(-logits)) - right))
        slope[:-1] += 1e-3 * weights[:-1]
        return float(value), slope

    bounds = [(0.0, None)] * _RISING + [(None, None)] * (len(_NAMES) - _RISING)
    start = np.full(len(_NAMES), 0.1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    # A variable that never varies has no weight, but for the constant.
    weights = np.where(variables.std(axis=0) > 0, found.x / scale, 0.0)
    weights[-1] = found.x[-1]
    return dict(zip(_NAMES, map(float, weights), strict=True)), float(found.fun)


def _counts(cases: Sequence[Case], kind: Kind) -> NDArray[np.float64]:
    return np.array([_OWN_WEIGHT[kind] if case.own else 1.0 for case in cases])


def _fit_pass(cases: list[Case], kind: Kind) -> Calibration:
    """The best detector weight, temperature, null score and regression."""
    solved = {w: np.array([case.right(w) for case in cases]) for w in _DETECTOR_WEIGHTS}
    weight = max(_DETECTOR_WEIGHTS, key=lambda w: solved[w].mean())
    right, counts = solved[weight], _counts(cases, kind)
    plain = replace(cases[0].evidence.calibration, detector_weight=weight, **_NOTHING)
    best: tuple[float, Calibration] | None = None
    for temperature in _TEMPERATURES:
        for null_score in _NULL_SCORES:
            tried = replace(plain, temperature=temperature, null_score=null_score)
            weights, loss = _regression(_variables(cases, tried), right, counts)
            if best is None or loss < best[0]:
                best = loss, replace(tried, **weights)
    assert best is not None
    return replace(best[1], absent_fit=_absent_fit(cases, best[1], right))


def _absent_fit(cases: list[Case], own: Calibration, right: NDArray[np.bool_]) -> float:
    """The worst fit that tells prompts of what is not there best from those answered rightly."""
    worst = np.array([case.inputs(own).worst_fit for case in cases])
    absent = np.array([not case.present for case in cases])
    if not absent.any() or not right.any():
        return cases[0].evidence.calibration.absent_fit
    bounds = np.arange(-11.5, 0, 0.5)
    told = [(worst[absent] < b).mean() + (worst[right] >= b).mean() for b in bounds]
    return float(bounds[int(np.argmax(told))])


def _logits(cases: Sequence[Case], calibration: Calibration) -> NDArray[np.float64]:
    """Before the second scaling."""
    weights = np.array([getattr(calibration, name) for name in _NAMES])
    logits: NDArray[np.float64] = _variables(cases, calibration) @ weights
    return logits


def _sure(cases: Sequence[Case], calibration: Calibration) -> NDArray[np.float64]:
    """The confidence before the second scaling."""
    sure: NDArray[np.float64] = 1 / (1 + np.exp(-_logits(cases, calibration)))
    return sure


if __name__ == "__main__":
    typer.run(main)
