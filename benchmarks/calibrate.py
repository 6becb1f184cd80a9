"""Fit how a backend's scores become probabilities, on validation puzzles.

    python benchmarks/calibrate.py --backend ddddocr --out service/calibrations/ddddocr.json SET...

The temperature and the score of "no box" shape the share of the best assignment; slope and bias
(Platt scaling) turn share times detector evidence into the probability that the whole answer is
right. All four minimise the log loss over the puzzles; the assignment itself does not depend on
them. The fusion weights stay as they are in the file that the backend loads: set them there, run
again, and keep those that solve more. Two-fold cross-validation says what error is to be
expected on puzzles not fitted on.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import track
from scipy.optimize import minimize

from clickorder.local import LocalSolver
from service.calibration import Calibration, Calibrations
from service.errors import ServiceError
from service.evidence import Evidence
from service.matching import assign
from service.settings import Settings
from training.puzzles import Puzzle, read_puzzles
from training.scoring import in_order
from training.statistics import expected_calibration_error

_TEMPERATURES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
_NULL_SCORES = (-1.0, -1.5, -2.0, -3.0, -4.0, -5.0, -6.5, -8.0, -11.0)


@dataclass(frozen=True, slots=True)
class Case:
    """One puzzle with enough boxes, and whether its best assignment was right."""

    evidence: Evidence
    right: bool


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
    cases: dict[str, list[Case]] = {"words": [], "pictures": []}
    puzzles = [(s, p) for s in map(read_puzzles, sets) for p in s.puzzles]
    for puzzle_set, puzzle in track(puzzles, description="Scoring"):
        case = _case(solver, puzzle, puzzle_set.folder)
        if case is not None:
            cases["words" if puzzle.kind == "words" else "pictures"].append(case)
    fitted = {kind: _fit_and_tell(kind, own) for kind, own in cases.items() if own}
    out.parent.mkdir(parents=True, exist_ok=True)
    Calibrations(**fitted).save(out)


def _fit_and_tell(kind: str, cases: list[Case]) -> Calibration:
    """Fit the cases of one kind of prompt, and print how good the fit is on cases left out."""
    right = np.array([case.right for case in cases])
    print(f"{kind}: {len(cases)} puzzles could be answered, {right.mean():.1%} rightly.")
    halves = cases[::2], cases[1::2]
    errors = []
    for fitted_on, tested_on in (halves, halves[::-1]):
        confidences = _confidences(tested_on, _fit(fitted_on))
        errors.append(
            expected_calibration_error(confidences, np.array([c.right for c in tested_on]))
        )
    calibration = _fit(cases)
    print(f"{calibration}\nexpected calibration error, two-fold: {np.mean(errors):.3f}")
    return calibration


def _case(solver: LocalSolver, puzzle: Puzzle, folder: Path) -> Case | None:
    try:
        evidence = solver.evidence(puzzle, folder)
    except ServiceError:
        return None
    items, boxes = evidence.scores.shape
    if items == 0 or boxes < items:
        return None
    boxes = evidence.scene.boxes[assign(evidence.scores, keys=evidence.keys).boxes]
    clicks = [(round((x1 + x2) / 2), round((y1 + y2) / 2)) for x1, y1, x2, y2 in boxes.tolist()]
    return Case(evidence, in_order(puzzle.words, puzzle.targets, clicks))


def _raw(cases: list[Case], temperature: float, null_score: float) -> NDArray[np.float64]:
    """`(N,)` logits of share times detector evidence."""
    values = []
    for case in cases:
        result = assign(
            case.evidence.scores / temperature,
            null_score=null_score,
            keys=case.evidence.keys,
        )
        evidence = float(np.prod(case.evidence.scene.scores[result.boxes], dtype=np.float64))
        values.append(np.clip(result.share * evidence, 1e-9, 1 - 1e-9))
    raw = np.array(values)
    logits: NDArray[np.float64] = np.log(raw) - np.log1p(-raw)
    return logits


def _loss(
    parameters: NDArray[np.float64], logits: NDArray[np.float64], right: NDArray[np.bool_]
) -> float:
    """Mean log loss of Platt scaling."""
    scaled = parameters[0] * logits + parameters[1]
    return float(np.logaddexp(0, np.where(right, -scaled, scaled)).mean())


def _fit(cases: list[Case]) -> Calibration:
    """The best temperature, null score and Platt scaling; the fusion weights stay as they are."""
    right = np.array([case.right for case in cases])
    best: tuple[float, Calibration] | None = None
    for temperature in _TEMPERATURES:
        for null_score in _NULL_SCORES:
            logits = _raw(cases, temperature, null_score)
            found = minimize(_loss, np.array([1.0, 0.0]), (logits, right), method="Nelder-Mead")
            slope, bias = (float(v) for v in found.x)
            if slope > 0 and (best is None or found.fun < best[0]):
                best = (
                    found.fun,
                    replace(
                        cases[0].evidence.calibration,
                        temperature=temperature,
                        null_score=null_score,
                        slope=slope,
                        bias=bias,
                    ),
                )
    if best is None:
        raise typer.BadParameter("these puzzles show no relation of score and success")
    return best[1]


def _confidences(cases: list[Case], calibration: Calibration) -> NDArray[np.float64]:
    logits = _raw(cases, calibration.temperature, calibration.null_score)
    confidences: NDArray[np.float64] = 1 / (
        1 + np.exp(-(calibration.slope * logits + calibration.bias))
    )
    return confidences


if __name__ == "__main__":
    typer.run(main)
