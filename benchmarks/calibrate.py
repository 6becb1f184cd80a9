"""Fit how a backend's scores become probabilities, on validation puzzles.

    python benchmarks/calibrate.py --backend ddddocr --out service/calibrations/ddddocr.json SET...

Each kind of prompt and each look has a calibration of its own. The weight of the detector's scores
is the one that solves most. The temperature and the score of "no box" shape the share of the best
assignment; the Platt scaling turns share times detector evidence into the probability that the
whole answer is right, with the worst and the mean fit of the items, and whether there is only one,
as further variables. All minimise the log loss over the puzzles. Every second puzzle is also asked
for one of its items alone and for what is not in the picture (a word or an icon of another puzzle
alone or among its own, and nothing but such), where no answer is right: without these, confidence
would say which of several answers is best, and not whether there is one. The confidence from which
on a first look is enough is the lowest that costs no more than a few answers.
The weights of the models stay as they are in the file that the backend loads: set them there, run
again, and keep those that solve more. A close look is scaled on those puzzles only that come to it.
Two-fold cross-validation says what error is to be expected
on puzzles not fitted on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import compress
from pathlib import Path
from typing import Annotated, TypeVar, cast

import numpy as np
import typer
from numpy.random import Generator
from numpy.typing import NDArray
from rich.progress import track
from scipy.optimize import minimize

from clickorder.local import LocalSolver
from labels.puzzles import Puzzle, PuzzleSet, read_puzzles
from service.errors import ServiceError
from service.settings import Settings
from service.solving.calibration import (
    INPUTS,
    KINDS,
    Calibration,
    Calibrations,
    ConfidenceInputs,
    Kind,
)
from service.solving.matching import assign
from service.solving.prompts import IconsPrompt, ImagePrompt, Prompt, RegionPrompt, WordsPrompt
from service.solving.recognition import doubt
from service.solving.scoring import Evidence
from service.solving.tta import FIRST_PASS, SECOND_PASS, Augmentation
from training.evaluation.scoring import in_order
from training.evaluation.statistics import expected_calibration_error

_TEMPERATURES = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
_NULL_SCORES = (-1.0, -1.5, -2.0, -3.0, -4.0, -5.0, -6.5, -8.0, -11.0)
_DETECTOR_WEIGHTS = (0.0, 0.15, 0.3, 0.6, 1.0)
_SURE = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.1)
"""From 0.5 on: an answer that is more likely wrong than right is always looked at again."""

_ENOUGH = 0.006
"""Share of answers that sparing close looks may cost."""

_OWN_WEIGHT: dict[Kind, float] = {"words": 1.0, "pictures": 2.0, "icons": 1.0}
"""Weight of a puzzle's own prompt, which up to four others accompany: with more of it the
confidence in what is there is less too low, and that in what is not there too high. Two-fold, on
validation puzzles: words 0.09 (1) and 0.06 (2) calibration error on own prompts, and 9 and 15 % of
those of which one of several words is absent above one half; icons 0.10 and 0.07, 10 and 13 %.
Prompt pictures are never asked for one of several absent items."""

_NAMES = (
    "share_slope", "detection_slope", "faintest_slope", "worst_slope", "average_slope",
    "boxes_slope", "items_slope", "alone", "bias",
)  # fmt: skip
"""Weights of the logistic regression, in the order of the variables."""

_RISING = 5
"""The first of them are never negative: a better share or fit never means less confidence."""

_NOTHING = dict.fromkeys(INPUTS, 0.0)
"""Of weights that a file may have from before."""

_FEWEST = 40
"""Cases that a scaling of their own needs."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One puzzle with enough boxes at one look.

    Attributes:
        puzzle: With the truth.
        evidence: What the look gave.
        scores: `(M, N)` of the evidence without the detector's part.
        present: Whether everything that is asked for is in the picture.
        own: Whether the prompt is the puzzle's own.
    """

    puzzle: Puzzle
    evidence: Evidence
    scores: NDArray[np.float64]
    present: bool = True
    own: bool = True

    def weighed(self, weight: float) -> NDArray[np.float64]:
        """The scores with the detector's part at another weight."""
        return self.scores + doubt(self.evidence.scene, weight)

    def inputs(self, calibration: Calibration) -> ConfidenceInputs:
        """What the confidence in the best assignment is computed from."""
        own = calibration
        return _inputs(self, own.detector_weight, own.temperature, own.null_score)

    def right(self, weight: float) -> bool:
        """Whether the best assignment is right, with the detector at a weight."""
        if not self.present:
            return False
        result = assign(self.weighed(weight), keys=self.evidence.keys)
        clicks = [
            (round((x1 + x2) / 2), round((y1 + y2) / 2))
            for x1, y1, x2, y2 in self.evidence.scene.boxes[result.boxes].tolist()
        ]
        return in_order(self.puzzle.words, self.puzzle.targets, clicks)


@lru_cache(maxsize=1 << 19)
def _inputs(case: Case, weight: float, temperature: float, null_score: float) -> ConfidenceInputs:
    """The inputs of a case; both halves and the whole are fitted on the same ones."""
    scores, scene = case.weighed(weight), case.evidence.scene
    result = assign(scores / temperature, null_score=null_score, keys=case.evidence.keys)
    return ConfidenceInputs.of(result, scores, doubt(scene, weight), scene.scores)


def main(
    sets: Annotated[list[Path], typer.Argument(help="Puzzle sets of the validation split.")],
    out: Annotated[Path, typer.Option(help="Calibration file to write.")],
    backend: Annotated[str, typer.Option(help="own or ddddocr")] = "ddddocr",
    models_dir: Annotated[Path | None, typer.Option(help="Folder of own models.")] = None,
) -> None:
    """Fit a calibration on validation puzzles."""
    settings = Settings.model_validate(
        {"backend": backend, "models_dir": models_dir, "threads": 2, "workers": 1}
    )
    solver = LocalSolver(settings)
    puzzles = [(s, p) for s in map(read_puzzles, sets) for p in s.puzzles]
    cases = {
        look: [_case(solver, p, s.folder, look) for s, p in track(puzzles, description=name)]
        for name, look in (("First look", FIRST_PASS), ("Close look", SECOND_PASS))
    }
    strange = list(_strange_prompts(solver, puzzles))
    absent = {
        look: [
            _case(solver, p, s.folder, look, prompt, own=False)
            for s, p, prompt in track(strange, description=f"{name}, other prompts")
        ]
        for name, look in (("First look", FIRST_PASS), ("Close look", SECOND_PASS))
    }
    fitted: dict[str, Calibration] = {}
    for kind in KINDS:
        own = [_kind(p) == kind for _, p in puzzles]
        first, close = (list(compress(cases[look], own)) for look in (FIRST_PASS, SECOND_PASS))
        if not any(first) or not any(close):
            continue
        others = [_kind(p) == kind for _, p, _ in strange]
        lost, lost_close = (
            list(compress(absent[look], others)) for look in (FIRST_PASS, SECOND_PASS)
        )
        one = _fit_and_tell("first", kind, [case for case in (*first, *lost) if case])
        two = _fit_and_tell("close", kind, [case for case in (*close, *lost_close) if case])
        sure = _enough(first, one, close, two)
        unsure = [
            there
            for here, there in zip((*first, *lost), (*close, *lost_close), strict=True)
            if there and (here is None or _confidences([here], one)[0] < sure)
        ]
        fitted[kind] = replace(one, sure=sure)
        fitted[f"{kind}_closely"] = _rescaled(two, unsure, kind)
    out.parent.mkdir(parents=True, exist_ok=True)
    Calibrations(**fitted).save(out)


def _kind(puzzle: Puzzle) -> Kind:
    """The kind of prompt whose calibration a puzzle is for."""
    return puzzle.kind if puzzle.kind in ("words", "icons") else "pictures"


def _fit_and_tell(look: str, kind: Kind, cases: list[Case]) -> Calibration:
    """Fit the cases of one kind of prompt at one look, and print how good it is on others."""
    # Shuffled: puzzles with their own prompt, single items and absent ones come in a fixed rhythm.
    order = np.random.default_rng(3).permutation(len(cases)).tolist()
    halves = [cases[i] for i in order[::2]], [cases[i] for i in order[1::2]]
    every, own, sure = [], [], []
    for fitted_on, tested_on in (halves, halves[::-1]):
        calibration = _fit(fitted_on, kind)
        right = np.array([case.right(calibration.detector_weight) for case in tested_on])
        found = _confidences(tested_on, calibration)
        mine = np.array([case.own for case in tested_on])
        every.append(expected_calibration_error(found, right))
        own.append(expected_calibration_error(found[mine], right[mine]))
        sure.append((found > 0.5)[~np.array([case.present for case in tested_on])].mean())
    calibration = _fit(cases, kind)
    right = np.array([case.right(calibration.detector_weight) for case in cases])
    print(f"{kind}, {look} look: {len(cases)} could be answered, {right.mean():.1%} rightly.")
    print(
        f"{calibration}\nexpected calibration error, two-fold: {np.mean(every):.3f}, of the "
        f"puzzles' own prompts {np.mean(own):.3f}; {np.mean(sure):.1%} of absent ones above 0.5"
    )
    return calibration


def _rescaled(calibration: Calibration, cases: list[Case], kind: Kind) -> Calibration:
    """The calibration with its Platt scaling fitted on the cases that come to the close look.

    These are the hard ones: a scaling fitted on all of them says too much.
    """
    if len(cases) < _FEWEST:
        return calibration
    own = calibration
    right = np.array([case.right(own.detector_weight) for case in cases])
    scaled, _ = _regression(_variables(cases, own), right, _counts(cases, kind))
    print(f"  {len(cases)} looked at closely, {right.mean():.1%} rightly: {scaled}")
    return replace(own, **scaled)


def _enough(
    first: list[Case | None], one: Calibration, close: list[Case | None], two: Calibration
) -> float:
    """The confidence from which on a first look is enough."""
    sure_of = np.array([_confidences([case], one)[0] if case else 0.0 for case in first])
    right = [
        np.array([bool(case) and case.right(fit.detector_weight) for case in cases])
        for cases, fit in ((first, one), (close, two))
    ]
    solved = {s: float(np.where(sure_of >= s, right[0], right[1]).mean()) for s in _SURE}
    for threshold, share in solved.items():
        print(
            f"  sure from {threshold}: {share:.1%} right, {(sure_of < threshold).mean():.0%} twice"
        )
    return min(s for s in _SURE if solved[s] >= max(solved.values()) - _ENOUGH)


def _strange_prompts(
    solver: LocalSolver, puzzles: Sequence[tuple[PuzzleSet, Puzzle]]
) -> Iterator[tuple[PuzzleSet, Puzzle, Prompt | None]]:
    """Every second puzzle with prompts for what its picture does not show, and for one item.

    Yields:
        The set, the puzzle, and the prompt; None for the puzzle's own.
    """
    rng = np.random.default_rng(5)
    for own_set, own in puzzles[::2]:
        others = [(s, p) for s, p in puzzles if p.family == own.family and p.id != own.id]
        if not others:
            continue
        if own.kind in ("words", "icons"):
            yield own_set, _alone(own, int(rng.integers(len(own.words)))), None
        other_set, other = others[int(rng.integers(len(others)))]
        mine, theirs = solver.prompt(own, own_set.folder), solver.prompt(other, other_set.folder)
        match mine, theirs:
            case WordsPrompt(words), WordsPrompt(foreign):
                foreign = tuple(word for word in foreign if word not in words)
                for strange in _mixed(words, foreign, rng):
                    yield own_set, own, WordsPrompt(strange)
            case IconsPrompt(icons), IconsPrompt(foreign_icons):
                for strange_icons in _mixed(icons, foreign_icons, rng):
                    yield own_set, own, IconsPrompt(strange_icons)
            case ImagePrompt(), ImagePrompt():
                yield own_set, own, theirs
            case RegionPrompt(), RegionPrompt((x1, y1, x2, y2)):
                picture = solver.background(other, other_set.folder)
                yield own_set, own, ImagePrompt(picture[y1:y2, x1:x2])
            case _:
                pass


def _alone(puzzle: Puzzle, place: int) -> Puzzle:
    """The puzzle with one of its words or icons as the whole prompt."""
    items = cast("tuple[str, ...]", puzzle.prompt[puzzle.kind])
    return replace(
        puzzle,
        prompt={puzzle.kind: (items[place],)},
        words=(puzzle.words[place],),
        targets=(puzzle.targets[place],),
        accept=None,
    )


T = TypeVar("T")


def _mixed(own: tuple[T, ...], foreign: tuple[T, ...], rng: Generator) -> Iterator[tuple[T, ...]]:
    """One that is not there alone, one of several replaced by it, and nothing but such."""
    if not foreign:
        return
    absent = foreign[int(rng.integers(len(foreign)))]
    yield (absent,)
    if len(own) > 1:
        place = int(rng.integers(len(own)))
        yield (*own[:place], absent, *own[place + 1 :])
    if len(foreign) > 1:
        yield foreign[: len(own)]


def _case(
    solver: LocalSolver,
    puzzle: Puzzle,
    folder: Path,
    look: Augmentation,
    prompt: Prompt | None = None,
    *,
    own: bool = True,
) -> Case | None:
    """What one look gives; with a prompt, one that asks for what is not there."""
    try:
        evidence = solver.evidence(puzzle, folder, look, prompt=prompt)
    except ServiceError:
        return None
    items, boxes = evidence.scores.shape
    if items == 0 or boxes < items:
        return None
    plain = evidence.scores - doubt(evidence.scene, evidence.calibration.detector_weight)
    return Case(puzzle, evidence, plain, prompt is None, own)


def _variables(cases: Sequence[Case], own: Calibration) -> NDArray[np.float64]:
    """`(N, 9)` what `_NAMES` weigh, in their order."""
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
        variables: `(N, 9)`.
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
    return dict(zip(_NAMES, map(float, found.x / scale), strict=True)), float(found.fun)


def _counts(cases: Sequence[Case], kind: Kind) -> NDArray[np.float64]:
    return np.array([_OWN_WEIGHT[kind] if case.own else 1.0 for case in cases])


def _fit(cases: list[Case], kind: Kind) -> Calibration:
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


def _confidences(cases: list[Case], calibration: Calibration) -> NDArray[np.float64]:
    weights = np.array([getattr(calibration, name) for name in _NAMES])
    confidences: NDArray[np.float64] = 1 / (1 + np.exp(-_variables(cases, calibration) @ weights))
    return confidences


if __name__ == "__main__":
    typer.run(main)
