"""Calibration: how scores become probabilities."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from modelfile.errors import ClickorderError
from service.solving.tta import Augmentation

_EPSILON = 1e-9

_WORST_FIT = -12.0
"""Log-likelihoods below this are all the same: no fit at all."""


class CalibrationError(ClickorderError, ValueError):
    """A calibration file that cannot be used; the message names the file and the fault."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted on validation puzzles of the models it is stored with.

    Attributes:
        temperature: Log-likelihoods are divided by it before they are compared.
        null_score: Log-likelihood (after the temperature) of "this item has no box".
        siamese_weight: Weight of the matcher's log-probabilities.
        classifier_weight: Weight, beside a matcher, of the log-probability that two pictures show
            the same character.
        detector_weight: Weight of the log of the detector's score of a box, on every item's score.
        slope: Slope of the logit of the raw confidence.
        bias: Added to it.
        fit_slope: Weight of the fit of the worst item in the same sum. It says whether every item
            is in the picture at all, which the share among assignments cannot.
        mean_slope: Weight of the mean fit of all items: where the others fit well, a bad fit is
            more often a hard item than an absent one.
        alone: Added where there is only one item, which no other item leaves its box to.
        sure: Confidence from which on the first pass is enough; 0 never looks twice.
        no_partner: Score (before the temperature) above which a box speaks for an item of a cut of
            a prompt picture, and below which against it.
        absent_fit: Fit of the worst item below which an abstention says that something asked for
            is not in the picture.
        most_gain: The most that one item's partner may say for or against a cut. Of 240 validation
            prompts of earlier weights the items were counted right in 91.7 % with -5 and 3 for
            `no_partner` and this, in 91.3 % with -7 and 3, in 89.2 % with -3 and 2. The -4.5 of
            `own.json` solved 350 of 420 validation puzzles, -6 347 and -7.5 346.
    """

    temperature: float = 1.0
    null_score: float = -8.0
    siamese_weight: float = 1.0
    classifier_weight: float = 0.0
    slope: float = 1.0
    bias: float = 0.0
    detector_weight: float = 0.0
    sure: float = 0.9
    no_partner: float = -3.0
    fit_slope: float = 0.0
    mean_slope: float = 0.0
    alone: float = 0.0
    absent_fit: float = -3.0
    most_gain: float = 2.0

    def confidence(self, share: float, evidence: float, fit: "Fit | None" = None) -> float:
        """Probability that the whole answer is right.

        Args:
            share: Share of the best assignment among all, 0..1.
            evidence: The detector's, that every chosen box is an item, 0..1.
            fit: How well the items fit their boxes; None for several that fit perfectly.

        Returns:
            `sigmoid(slope * logit(share * evidence) + fit_slope * worst + mean_slope * mean +
            alone + bias)`, 0..1: Platt scaling (Platt 1999) with more than one variable.
        """
        fit = fit or Fit(0.0, 0.0, alone=False)
        raw = min(max(share * evidence, _EPSILON), 1 - _EPSILON)
        logit = self.slope * (np.log(raw) - np.log1p(-raw)) + self.bias
        logit += self.fit_slope * fit.worst + self.mean_slope * fit.mean + self.alone * fit.alone
        return float(1 / (1 + np.exp(-logit)))


@dataclass(frozen=True, slots=True)
class Fit:
    """How well the items of a prompt fit their boxes.

    Attributes:
        worst: Log-likelihood of the item that fits worst, -12 to 0.
        mean: Mean of all items, each within the same bounds.
        alone: Whether there is only one item.
    """

    worst: float
    mean: float
    alone: bool

    @classmethod
    def of(cls, scores: NDArray[np.float64], boxes: NDArray[np.int64]) -> "Fit":
        """The fit of an assignment.

        Args:
            scores: `(M, N)` log-likelihoods of items on boxes.
            boxes: `(M,)` the box of each item, each 0 or more; no items fit perfectly.
        """
        if not len(boxes):
            return cls(0.0, 0.0, alone=False)
        chosen = np.clip(scores[np.arange(len(boxes)), boxes], _WORST_FIT, 0.0)
        return cls(float(chosen.min()), float(chosen.mean()), len(boxes) == 1)


@dataclass(frozen=True, slots=True)
class Calibrations:
    """One for each kind of prompt: what is read and what is compared err in ways of their own.

    Attributes:
        words: For prompts of words.
        pictures: For icons, prompt pictures and regions.
        words_closely: For prompts of words at the second pass.
        pictures_closely: For the other prompts at the second pass.
        prompt_count: Least and greatest number of items of the prompt pictures that it was fitted
            on, where those of one site have a fixed number; None where any number may come.
    """

    words: Calibration = Calibration()
    pictures: Calibration = Calibration()
    words_closely: Calibration = Calibration()
    pictures_closely: Calibration = Calibration()
    prompt_count: tuple[int, int] | None = None

    def of(self, kind: Literal["words", "pictures"], augmentation: Augmentation) -> Calibration:
        """The one for a kind of prompt and a pass."""
        if augmentation.tiles:
            return self.words_closely if kind == "words" else self.pictures_closely
        return self.words if kind == "words" else self.pictures

    def save(self, path: Path) -> None:
        """Write as JSON."""
        told = asdict(self)
        if self.prompt_count is None:
            del told["prompt_count"]
        path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Calibrations":
        """Read what `save` wrote; where the second pass has none, those of the first pass serve.

        Raises:
            CalibrationError: not JSON, a key that is unknown, or a value that is no number.
        """
        try:
            kinds = json.loads(path.read_text(encoding="utf-8-sig"))
            count = _counts(kinds.pop("prompt_count", None)) if isinstance(kinds, dict) else None
            for kind in ("words", "pictures"):
                if kind in kinds:
                    kinds.setdefault(f"{kind}_closely", kinds[kind])
            loaded = cls(
                **{
                    kind: Calibration(**{key: float(value) for key, value in values.items()})
                    for kind, values in kinds.items()
                },
                prompt_count=count,
            )
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise CalibrationError(
                f"The calibration file {path} cannot be used: {error}."
            ) from error
        every = (
            loaded.words, loaded.pictures, loaded.words_closely, loaded.pictures_closely
        )  # fmt: skip
        if min(calibration.temperature for calibration in every) <= 0:
            raise CalibrationError(f"The temperature in {path} must be greater than 0.")
        return loaded


def _counts(value: object) -> tuple[int, int] | None:
    """The least and the greatest number, as JSON has them.

    Raises:
        ValueError: it is something else.
    """
    if value is None:
        return None
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not all(isinstance(number, int) for number in value)
        or not 1 <= value[0] <= value[1]
    ):
        raise ValueError(f"prompt_count is {value!r}, not a least and a greatest number")
    return value[0], value[1]


UNCALIBRATED = Calibrations()
"""Scores as they come."""
