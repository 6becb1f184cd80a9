"""Metrics of matcher and classifier on small puzzles, and their mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch.nn import functional

from training.evaluation.statistics import TIE, strictly_best
from training.matcher.crop_inputs import Trial
from training.matcher.joint_model import JointModel, features_of

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one trial.

    Attributes:
        trial: Position in the list.
        scores: `(T, B)` float32, log-likelihood of each prompt item on each crop; item `i` is
            crop `i`.
        chosen: `(T,)` crop given to each item. Of assignments that tie it is one that is wrong.
    """

    trial: int
    scores: F32
    chosen: NDArray[np.intp]

    @property
    def right(self) -> NDArray[np.bool_]:
        """`(T,)` whether each item got its crop."""
        return np.equal(self.chosen, np.arange(len(self.chosen)))

    @property
    def margin(self) -> float:
        """How far the worst item's right crop is ahead of its best wrong one; negative is wrong."""
        wrong = self.scores.copy()
        items = np.arange(len(self.chosen))
        wrong[items, items] = -np.inf
        return float((self.scores[items, items] - wrong.max(axis=1)).min())


def match_outcomes(model: JointModel, trials: Sequence[Trial], device: str) -> list[Outcome]:
    """The Siamese network on every trial; all have the same numbers of prompt items and crops."""
    prompt = functional.normalize(
        features_of(model, np.concatenate([t.prompt for t in trials]), device), dim=1
    )
    scene = functional.normalize(
        features_of(model, np.concatenate([t.scene for t in trials]), device), dim=1
    )
    targets, boxes = len(trials[0].prompt), len(trials[0].scene)
    first = prompt.reshape(len(trials), targets, 1, -1)
    second = scene.reshape(len(trials), 1, boxes, -1)
    with torch.inference_mode():
        logits = functional.logsigmoid(model.siamese.head(first, second)).float().cpu().numpy()
    return [_outcome(i, logits[i]) for i in range(len(trials))]


def read_outcomes(model: JointModel, trials: Sequence[Trial], device: str) -> list[Outcome]:
    """The character network on the trials of characters, told the words."""
    which = [i for i, t in enumerate(trials) if (t.labels >= 0).all()]
    if model.characters is None or not which:
        return []
    logs = _symbol_logs(model, [trials[i] for i in which], device)
    return [
        _outcome(i, logs[n][:, trials[i].labels[: len(trials[i].prompt)]].T.astype(np.float32))
        for n, i in enumerate(which)
    ]


def measures(model: JointModel, trials: Sequence[Trial], device: str) -> dict[str, float]:
    """Shares of trials with every item right, and of characters named right; ties are wrong.

    Returns:
        `match` of the Siamese network, also by kind as in `match_icons`; where
        there is a charset also `words` (told the words) and `top1` (told nothing). `solved` is
        the mean of `match` and `words`.
    """
    found: dict[str, float] = {}
    outcomes = match_outcomes(model, trials, device)
    solved = np.array([bool(o.right.all()) for o in outcomes])
    kinds = np.array([t.kind for t in trials])
    for kind in dict.fromkeys(kinds.tolist()):
        found[f"match_{kind}"] = float(solved[kinds == kind].mean())
    found["match"] = float(solved.mean())
    read = read_outcomes(model, trials, device)
    if read:
        found["words"] = float(np.mean([bool(o.right.all()) for o in read]))
        own = [trials[o.trial] for o in read]
        named = strictly_best(
            _symbol_logs(model, own, device), np.stack([t.labels for t in own]), TIE
        )
        found["top1"] = float(named.mean())
    found["solved"] = float(np.mean([found["match"], found.get("words", found["match"])]))
    return found


def _symbol_logs(model: JointModel, trials: Sequence[Trial], device: str) -> F32:
    """`(trials, B, C)` float32 log-probabilities."""
    if model.characters is None:
        raise ValueError("A model without a charset names nothing")
    features = features_of(model, np.concatenate([t.reading for t in trials]), device)
    with torch.inference_mode():
        logits = functional.log_softmax(model.characters.name(features).float(), dim=1)
    logs: F32 = logits.cpu().numpy().reshape(len(trials), len(trials[0].scene), -1)
    return logs


def _outcome(number: int, scores: F32) -> Outcome:
    # Crops are listed in the order of the items, which is also what a solver takes first when all
    # scores are the same: the right one has to be ahead.
    handicapped = scores.astype(np.float64)
    items = np.arange(len(scores))
    handicapped[items, items] -= TIE
    _, chosen = linear_sum_assignment(handicapped, maximize=True)
    return Outcome(number, scores, np.asarray(chosen, np.intp))
