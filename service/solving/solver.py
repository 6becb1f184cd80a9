"""The solver: walks one puzzle from pictures to ordered clicks."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from classifier.charsets import characters_of
from classifier.errors import CharacterSetError, ReadingError, UnknownColourError
from classifier.text_reader import TextReading
from detector.detections import Detections
from service.effort import Budget, Effort, OutOfTimeError
from service.errors import InvalidRequestError, ModelUnavailableError, UnknownWordsError
from service.solving.answers import Answer, Box, Click, DetectedBox, Reason
from service.solving.calibration import ConfidenceInputs
from service.solving.matching import MAX_ITEMS, Assignment, assign
from service.solving.parts import Parts
from service.solving.prompts import Prompt, with_layout
from service.solving.recognition import doubt, unknown_word
from service.solving.scoring import Evidence, PassCache, Scorer
from service.solving.spelling import can_spell, spelled
from service.solving.tta import FIRST_PASS, SECOND_PASS, Augmentation, second_pass
from service.telemetry.stages import StageTimer

Picture = NDArray[np.uint8]

_AMBIGUOUS_BELOW = 0.6
"""A share among the full assignments under this means that another answer fits about as well."""


class Solver:
    """Detector, classifier and matcher put together; safe to share between threads.

    Args:
        parts: The models.
        max_boxes: Boxes kept of one picture, best first.
        max_items: Prompt items accepted, at most `service.solving.matching.MAX_ITEMS`.
        effort: When a second pass follows, unless a call of `solve` says otherwise.
        origins: For each role where its model comes from, for people; see `origins`.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        max_boxes: int = 60,
        max_items: int = MAX_ITEMS,
        effort: Effort = "normal",
        origins: Mapping[str, str] | None = None,
    ) -> None:
        self._effort: Effort = effort
        self.parts = parts
        """As given, for another solver that shares some of them."""
        self._scorer = Scorer(parts, max_boxes=max_boxes, max_items=max_items)
        roles = {
            "detector": parts.detector,
            "prompt_detector": parts.prompt_detector,
            "classifier": parts.classifier,
            "siamese": parts.matcher,
            "text": parts.text,
            "names": parts.namer,
        }
        self.models: Mapping[str, str] = {k: m.name for k, m in roles.items() if m is not None}
        """Role to name and version of every installed model."""
        self.origins: Mapping[str, str] = origins or {}
        """Role, and `calibration`, to the file it was loaded from, or to whose it is."""

    def limited(self, confidence: float | None, iou: float | None) -> "Solver":
        """The same models with other thresholds of the detector on scenes.

        Prompt pictures are looked at as before: in them one box too many spoils the answer.

        Args:
            confidence: Lower bound of a box's score, 0..1; None for the detector's own.
            iou: A box that overlaps a better one by more than this is dropped, 0..1; None for the
                detector's own.

        Raises:
            InvalidRequestError: the detector has no thresholds that can be changed.
        """
        if confidence is None and iou is None:
            return self
        other = copy(self)
        other._scorer = self._scorer.limited(confidence, iou)
        return other

    def solve(
        self,
        background: Picture,
        prompt: Prompt,
        *,
        min_confidence: float = 0.0,
        effort: Effort | None = None,
        until: float | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Find the clicks that a prompt asks for.

        Args:
            background: `(H, W, 3)` uint8 RGB.
            prompt: What to click, in order.
            min_confidence: Below this the answer is an abstention with its reason.
            effort: When a second pass follows; None for the solver's own.
            until: Reading of `time.perf_counter` by which the answer is wanted. A second pass that
                would take longer is left out, or broken off; the first one is always finished.
            check: Called between the steps; what it raises ends the work.

        Raises:
            ModelUnavailableError: no installed model can score this kind of prompt.
            UnknownWordsError: no word at all is known to an installed model.
            TooManyItemsError: the prompt has more items than are matched.
            RegionOutsideError: the region is not inside the background.
        """
        prompt = self._laid_out(prompt)
        watch = StageTimer(check, dict.fromkeys(("detect", "recognise", "match"), 0.0))
        cache = PassCache()
        budget = Budget(effort or self._effort, until)
        start = perf_counter()
        verdict = self._verdict(background, prompt, watch, cache, FIRST_PASS)
        sure = verdict.evidence.calibration.sure
        if budget.again(verdict.certainty, sure, perf_counter() - start):
            guarded = replace(watch, check=budget.guarded(check))
            with suppress(OutOfTimeError):
                augmentation = second_pass(verdict.worst_fit)
                verdict = self._verdict(background, prompt, guarded, cache, augmentation)
        evidence, result, confidence = verdict.evidence, verdict.result, verdict.confidence
        reason = _reason(verdict, min_confidence)
        return Answer(
            solved=reason is None,
            reason=reason,
            confidence=confidence,
            clicks=_clicks(result, evidence, confidence),
            boxes=_detected(evidence.scene, self._scorer.classes),
            width=background.shape[1],
            height=background.shape[0],
            models={k: v for k, v in self.models.items() if k in ("detector", *evidence.used)},
            timings_ms=watch.stages,
        )

    def _verdict(
        self,
        background: Picture,
        prompt: Prompt,
        watch: StageTimer,
        cache: PassCache,
        augmentation: Augmentation,
    ) -> "_Verdict":
        """What one pass gives."""
        evidence = self._scorer.gather(background, prompt, watch, augmentation, cache)
        with watch.stage("match"):
            calibration = evidence.calibration
            scores = evidence.scores / calibration.temperature
            result = assign(scores, null_score=calibration.null_score, keys=evidence.keys)
        inputs = _inputs(result, evidence)
        if inputs is None:
            return _Verdict(evidence, result, confidence=0.0, certainty=0.0, worst_fit=-np.inf)
        return _Verdict(
            evidence,
            result,
            confidence=calibration.confidence(inputs),
            certainty=calibration.certainty(inputs),
            worst_fit=inputs.worst_fit,
        )

    def evidence(
        self, background: Picture, prompt: Prompt, augmentation: Augmentation = FIRST_PASS
    ) -> Evidence:
        """What one pass of `solve` decides on, for fitting a calibration; same errors."""
        prompt = self._laid_out(prompt)
        return self._scorer.gather(background, prompt, StageTimer(), augmentation)

    def _laid_out(self, prompt: Prompt) -> Prompt:
        """The prompt with the layout that these models are for, unless it says its own."""
        known = self.parts.calibrations
        return with_layout(prompt, self.parts.prompt_count or known.prompt_count, known.slots)

    def detect(self, image: Picture) -> tuple[DetectedBox, ...]:
        """Find every clickable item of an `(H, W, 3)` uint8 RGB picture, best first."""
        return _detected(self._scorer.detect(image), self._scorer.classes)

    def classify(self, crop: Picture, words: Sequence[str]) -> tuple[float, ...]:
        """Probability of each word on an `(h, w, 3)` uint8 RGB crop, among the words given.

        Raises:
            ModelUnavailableError: no classifier is installed.
            UnknownWordsError: a word has characters that the classifier does not read.
        """
        classifier = self.parts.classifier
        if classifier is None:
            raise ModelUnavailableError("Classifying needs a classifier, and none is installed.")
        scores = np.zeros(len(words))
        whole = np.array([[0, 0, crop.shape[1], crop.shape[0]]], np.float32)
        for at, word in enumerate(words):
            if classifier.can_read(word):
                continue
            if not can_spell(classifier, word):
                raise UnknownWordsError(unknown_word(word, classifier))
            scores[at] = spelled(classifier, crop, whole, [word], FIRST_PASS)[0, 0]
        read = [at for at, word in enumerate(words) if classifier.can_read(word)]
        if read:
            found = classifier.read([crop]).score_words([words[at] for at in read])
            scores[read] = found[:, 0]
        weights = np.exp(scores - scores.max())
        return tuple(float(w) for w in weights / weights.sum())

    def read(self, image: Picture, boxes: Sequence[Box]) -> tuple[tuple[str, float], ...]:
        """The likeliest character of each box, of all that the classifier knows.

        Args:
            image: `(H, W, 3)` uint8 RGB.
            boxes: `x1, y1, x2, y2` in its pixels, `x2`/`y2` exclusive.

        Returns:
            Character and its probability, 0..1, for each box.

        Raises:
            ModelUnavailableError: no classifier is installed.
        """
        classifier = self.parts.classifier
        if classifier is None:
            raise ModelUnavailableError("Reading needs a classifier, and none is installed.")
        if not boxes:
            return ()
        crops = classifier.crop(image, np.array(boxes, np.float32))
        # Rotated as well: there is no prompt to make up for a character that leans.
        found = classifier.read(SECOND_PASS.views(crops))
        symbols, certainty = found.symbols(), found.certainty().reshape(-1, len(boxes))
        surest = certainty.argmax(axis=0)
        return tuple(
            (symbols[view * len(boxes) + at], float(certainty[view, at]))
            for at, view in enumerate(surest)
        )

    def read_text(
        self,
        picture: Picture,
        *,
        charset: str | None = None,
        length: int | tuple[int, int] | None = None,
        colour: str | None = None,
    ) -> TextReading:
        """Read a whole picture of text.

        Args:
            picture: `(H, W, 3)` uint8 RGB.
            charset: Characters that may occur, or a preset (`numeric`, `numeric+upper`); None for
                all that the model knows.
            length: How many there are, or the least and the greatest number.
            colour: Read only the characters of this colour: a name or `#rrggbb`.

        Raises:
            ModelUnavailableError: no text model is installed.
            InvalidRequestError: the restrictions leave nothing, or the model cannot keep them.
        """
        if self.parts.text is None:
            raise ModelUnavailableError(
                "Reading the text of a whole picture needs a text model, and none is installed."
            )
        try:
            allowed = None if charset is None else characters_of(charset, files=False)
            return self.parts.text.read([picture], charset=allowed, length=length, colour=colour)[0]
        except (CharacterSetError, ReadingError, UnknownColourError) as error:
            raise InvalidRequestError(str(error)) from error

    def compare(self, first: Picture, second: Picture) -> float:
        """Probability that two `(h, w, 3)` uint8 RGB pictures show the same item.

        Raises:
            ModelUnavailableError: no Siamese model is installed.
        """
        if self.parts.matcher is None:
            raise ModelUnavailableError(
                "Comparing pictures needs a Siamese model, and none is installed."
            )
        logit = float(self.parts.matcher.compare([first], [second])[0, 0])
        return float(1 / (1 + np.exp(-logit)))


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What one pass gives.

    Attributes:
        evidence: What was seen.
        result: The best assignment.
        confidence: That it is right, 0..1.
        certainty: The same if everything asked for is in the picture; what a second pass depends
            on, which finds no item that is not there.
        worst_fit: Log-likelihood of the item that fits worst; minus infinity where one has no box.
    """

    evidence: Evidence
    result: Assignment
    confidence: float
    certainty: float
    worst_fit: float


def _reason(verdict: _Verdict, min_confidence: float) -> Reason | None:
    """Why a verdict is none to stand by; None where it is."""
    evidence = verdict.evidence
    items, boxes = evidence.scores.shape
    if items == 0:
        return "empty_prompt_image"
    if boxes < items:
        return "missed_target"
    if verdict.confidence >= min_confidence:
        return None
    if verdict.worst_fit < evidence.calibration.absent_fit:
        return "missing_target"
    # Where every full assignment but one is unlikely, the doubt lies elsewhere.
    scores = evidence.scores / evidence.calibration.temperature
    sole = assign(scores, keys=evidence.keys).share >= _AMBIGUOUS_BELOW
    return "low_confidence" if sole else "ambiguous"


def _inputs(result: Assignment, evidence: Evidence) -> ConfidenceInputs | None:
    """What the confidence is computed from; None where an item has no box."""
    if (result.boxes < 0).any() or len(result.boxes) == 0:
        return None
    taken = doubt(evidence.scene, evidence.calibration.detector_weight)
    return ConfidenceInputs.of(
        result, evidence.scores, taken, evidence.scene.scores, evidence.cut_share
    )


def _rounded(box: NDArray[np.float32]) -> Box:
    x1, y1, x2, y2 = (round(float(v)) for v in box)
    return x1, y1, x2, y2


def _detected(scene: Detections, classes: Sequence[str]) -> tuple[DetectedBox, ...]:
    return tuple(
        DetectedBox(
            _rounded(box),
            float(score),
            classes[index] if 0 <= index < len(classes) else None,
        )
        for box, score, index in zip(scene.boxes, scene.scores, scene.classes, strict=True)
    )


def _clicks(result: Assignment, evidence: Evidence, confidence: float) -> tuple[Click, ...]:
    """The clicks; each is at least as likely to be right as all of them together are."""
    scene = evidence.scene
    clicks = []
    for index, label, share in zip(result.boxes, evidence.labels, result.item_shares, strict=True):
        if index < 0:
            continue
        x1, y1, x2, y2 = (float(v) for v in scene.boxes[index])
        named = evidence.names.get(label or "")
        clicks.append(
            Click(
                x=round((x1 + x2) / 2),
                y=round((y1 + y2) / 2),
                box=_rounded(scene.boxes[index]),
                label=label,
                confidence=max(float(share), confidence),
                name=None if named is None else named.meanings[index],
            )
        )
    return tuple(clicks)
