"""Calibration: how scores become probabilities."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modelfile.errors import ClickorderError
from service.solving.matching import Assignment
from service.solving.prompt_slots import Slots
from service.solving.tta import FIRST_PASS, SECOND_PASS, Augmentation

Kind: TypeAlias = Literal["words", "pictures", "icons", "names"]

KINDS: tuple[Kind, ...] = ("words", "pictures", "icons", "names")
"""Kinds of prompt; what is read, found and compared err in ways of their own."""

_EPSILON = 1e-9

_WORST_FIT = -12.0
"""Log-likelihoods and logits below this are all the same: no fit at all."""

_BEST_ODDS = 9.0
"""Logits above this are all the same: a perfect fit."""

_LEAST_DOUBT = 1e-4

_DOUBTFUL = 0.49
"""The most that is said of an answer where an item may not be in the picture."""


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
        bias: Sum of the weighted inputs of the confidence where all are 0.
        slope: Weight of `ConfidenceInputs.raw`, likewise of the others below.
        fit_slope: Weight of `worst_fit`.
        mean_slope: Weight of `mean_fit`.
        share_slope: Weight of `share`.
        detection_slope: Weight of `detection`.
        faintest_slope: Weight of `faintest`.
        worst_slope: Weight of `worst`.
        average_slope: Weight of `mean`.
        boxes_slope: Weight of `boxes`.
        items_slope: Weight of `items`.
        alone: Weight of `alone`.
        cut_slope: Weight of `cut`.
        own_slope: Slope of the second scaling, which is fitted on prompts whose items are all
            there: the weights above are fitted on absent items too, and say too little of these.
        own_bias: Its intercept.
        present_from: Logit of the weighted inputs below which something asked for may as well not
            be in the picture at all; there the confidence stays below one half.
        sure: Certainty from which on the first pass is enough; 0 never looks twice.
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
    detector_weight: float = 0.0
    bias: float = 0.0
    slope: float = 1.0
    fit_slope: float = 0.0
    mean_slope: float = 0.0
    share_slope: float = 0.0
    detection_slope: float = 0.0
    faintest_slope: float = 0.0
    worst_slope: float = 0.0
    average_slope: float = 0.0
    boxes_slope: float = 0.0
    items_slope: float = 0.0
    alone: float = 0.0
    cut_slope: float = 0.0
    own_slope: float = 1.0
    own_bias: float = 0.0
    present_from: float = -100.0
    sure: float = 0.9
    no_partner: float = -3.0
    absent_fit: float = -3.0
    most_gain: float = 2.0

    def confidence(self, inputs: "ConfidenceInputs") -> float:
        """Probability that the whole answer is right, 0..1.

        That of `certainty`, and less than one half where an item may not be in the picture.
        """
        certainty = self.certainty(inputs)
        return certainty if self._logit(inputs) >= self.present_from else min(certainty, _DOUBTFUL)

    def certainty(self, inputs: "ConfidenceInputs") -> float:
        """Probability that the whole answer is right if everything asked for is there, 0..1.

        A logistic regression: Platt scaling (Platt 1999) with more than one variable. The share
        among assignments says which of several answers is best; how well the worst item fits says
        whether everything that is asked for is in the picture at all. What it gives is scaled once
        more, for prompts whose items are all there.
        """
        return float(1 / (1 + np.exp(-(self.own_slope * self._logit(inputs) + self.own_bias))))

    def _logit(self, inputs: "ConfidenceInputs") -> float:
        return self.bias + float(
            sum(getattr(self, weight) * getattr(inputs, name) for weight, name in INPUTS.items())
        )


INPUTS: Mapping[str, str] = {
    "slope": "raw",
    "fit_slope": "worst_fit",
    "mean_slope": "mean_fit",
    "share_slope": "share",
    "detection_slope": "detection",
    "faintest_slope": "faintest",
    "worst_slope": "worst",
    "average_slope": "mean",
    "boxes_slope": "boxes",
    "items_slope": "items",
    "alone": "alone",
    "cut_slope": "cut",
}
"""Weights of a calibration to the inputs that they weigh."""


@dataclass(frozen=True, slots=True)
class ConfidenceInputs:
    """What the confidence in an assignment is computed from.

    Attributes:
        raw: Logit of the share times the detector's scores of the chosen boxes.
        worst_fit: Log-likelihood of the item that fits worst, the detector's doubt included,
            -12 to 0.
        mean_fit: Mean of all items, each within the same bounds.
        share: Logit of the share of the best assignment among all.
        detection: Sum of the logs of the detector's scores of the chosen boxes.
        faintest: The least of these logs.
        worst: Logit of the likelihood of the item that fits worst, the detector apart, -12 to 9.
            Unlike its log, a logit still tells 90 from 99.9 %.
        mean: Mean logit of all items.
        boxes: Log of the number of boxes: among many, one fits an absent item by chance.
        items: Number of items.
        alone: 1 where there is only one item, which no other item leaves its box to.
        cut: Logit of the weight of the cut of a prompt picture among all its cuts, less 9: 0 where
            no other cut comes near, and where the items are given.
    """

    raw: float
    worst_fit: float
    mean_fit: float
    share: float
    detection: float
    faintest: float
    worst: float
    mean: float
    boxes: float
    items: float
    alone: float
    cut: float

    @classmethod
    def of(
        cls,
        result: Assignment,
        scores: NDArray[np.float64],
        doubt: NDArray[np.float64],
        detected: NDArray[np.floating],
        cut_share: float = 1.0,
    ) -> "ConfidenceInputs":
        """The inputs of an assignment in which every item has a box.

        Args:
            result: The assignment of M items, at least one, to N boxes.
            scores: `(M, N)` log-likelihoods of items on boxes.
            doubt: `(N,)` the detector's part in them.
            detected: `(N,)` the detector's scores, 0..1.
            cut_share: Weight of the cut of a prompt picture among all its cuts.
        """
        items, boxes = scores.shape
        chosen = scores[np.arange(items), result.boxes]
        fits = np.clip(chosen, _WORST_FIT, 0.0)
        plain = np.minimum(chosen - doubt[result.boxes], -_LEAST_DOUBT)
        odds = np.clip(plain - np.log(-np.expm1(plain)), _WORST_FIT, _BEST_ODDS)
        seen = np.log(np.maximum(detected[result.boxes].astype(np.float64), _EPSILON))
        return cls(
            raw=_logit(result.share * float(np.exp(seen.sum()))),
            worst_fit=float(fits.min()),
            mean_fit=float(fits.mean()),
            share=_logit(result.share),
            detection=float(seen.sum()),
            faintest=float(seen.min()),
            worst=float(odds.min()),
            mean=float(odds.mean()),
            boxes=float(np.log(boxes)),
            items=float(items),
            alone=float(items == 1),
            cut=min(_logit(cut_share) - _BEST_ODDS, 0.0),
        )


def _logit(probability: float) -> float:
    clipped = min(max(probability, _EPSILON), 1 - _EPSILON)
    return float(np.log(clipped) - np.log1p(-clipped))


@dataclass(frozen=True, slots=True)
class Calibrations:
    """One for each kind of prompt: what is read and what is compared err in ways of their own.

    Attributes:
        words: For prompts of words.
        pictures: For prompt pictures and regions.
        icons: For prompts of icons, whose number and boxes are known; None for `pictures`.
        words_closely: For prompts of words at the second pass.
        pictures_closely: For prompt pictures and regions at the second pass.
        icons_closely: For prompts of icons at the second pass; None for `pictures_closely`.
        names: For prompts of words that name things; None for `words`.
        names_closely: The same at the second pass; None for `words_closely`.
        prompt_count: Least and greatest number of items of the prompt pictures that it was fitted
            on, where those of one site have a fixed number; None where any number may come.
        slots: Where the items of those prompt pictures are; None where their layout varies.
    """

    words: Calibration = Calibration()
    pictures: Calibration = Calibration()
    words_closely: Calibration = Calibration()
    pictures_closely: Calibration = Calibration()
    icons: Calibration | None = None
    icons_closely: Calibration | None = None
    names: Calibration | None = None
    names_closely: Calibration | None = None
    prompt_count: tuple[int, int] | None = None
    slots: Slots | None = None

    def of(self, kind: Kind, augmentation: Augmentation) -> Calibration:
        """The one for a kind of prompt and a pass."""
        suffix = "" if augmentation == FIRST_PASS else "_closely"
        found: Calibration | None = getattr(self, kind + suffix)
        return found or self.of("words" if kind == "names" else "pictures", augmentation)

    def save(self, path: Path) -> None:
        """Write as JSON."""
        told = asdict(self)
        told = {key: value for key, value in told.items() if value is not None}
        path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Calibrations":
        """Read what `save` wrote.

        Where the second pass has none, those of the first pass serve.

        Raises:
            CalibrationError: not JSON, a key that is unknown, or a value that is no number.
        """
        try:
            kinds = json.loads(path.read_text(encoding="utf-8-sig"))
            count = _counts(kinds.pop("prompt_count", None)) if isinstance(kinds, dict) else None
            slots = _slots(kinds.pop("slots", None)) if isinstance(kinds, dict) else None
            for kind in KINDS:
                if kind in kinds:
                    kinds.setdefault(f"{kind}_closely", kinds[kind])
            loaded = cls(
                **{
                    kind: Calibration(**{key: float(value) for key, value in values.items()})
                    for kind, values in kinds.items()
                },
                prompt_count=count,
                slots=slots,
            )
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise CalibrationError(
                f"The calibration file {path} cannot be used: {error}."
            ) from error
        every = [loaded.of(kind, look) for kind in KINDS for look in (FIRST_PASS, SECOND_PASS)]
        if min(calibration.temperature for calibration in every) <= 0:
            raise CalibrationError(f"The temperature in {path} must be greater than 0.")
        return loaded


def _slots(value: object) -> Slots | None:
    """The slots, as JSON has them.

    Raises:
        ValueError: it is something else.
    """
    if value is None:
        return None
    try:
        width, height = value["size"]  # type: ignore[index]
        boxes = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in value["boxes"])  # type: ignore[index]
        return Slots((int(width), int(height)), boxes)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"slots is {value!r}, not a size and boxes in it") from error


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
