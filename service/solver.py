"""The solver: walks one puzzle from pictures to ordered clicks."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from classifier.readings import Classifier
from detector.detections import Detections, Detector
from service.answers import Answer, Box, Click, DetectedBox, Reason
from service.calibration import Calibration
from service.errors import (
    InvalidRequestError,
    ModelUnavailableError,
    RegionOutsideError,
    TooManyItemsError,
    UnknownWordsError,
)
from service.lettering import can_draw, draw_word
from service.matching import MAX_ITEMS, Assignment, assign
from service.prompt_picture import content_box, cuts
from service.prompts import IconsPrompt, ImagePrompt, Prompt, RegionPrompt, WordsPrompt
from siamese.similarity import Matcher

Picture = NDArray[np.uint8]

_UNKNOWN_SCORE = -9.0
"""Log-likelihood of a word that no model knows: one of some eight thousand."""

_AMBIGUOUS_BELOW = 0.6
"""A share among the full assignments under this means that another answer fits about as well."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the models have to say of one puzzle; matching needs nothing else.

    Attributes:
        scene: The clickable boxes of the background.
        scores: `(M, N)` log-likelihoods of items on boxes.
        labels: One per item, None where the prompt is a picture.
        keys: One per item; equal keys are the same item asked for twice.
        used: Roles of the models that took part.
    """

    scene: Detections
    scores: NDArray[np.float64]
    labels: tuple[str | None, ...]
    keys: tuple[Hashable, ...]
    used: tuple[str, ...]


@dataclass
class _Stopwatch:
    """Milliseconds by stage."""

    stages: dict[str, float] = field(
        default_factory=lambda: {"detect": 0.0, "recognise": 0.0, "match": 0.0}
    )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            self.stages[name] += (perf_counter() - start) * 1000


class Solver:
    """Detector, classifier and matcher put together; safe to share between threads.

    Args:
        detector: Finds boxes, on backgrounds and on prompt pictures.
        classifier: Reads crops; None where no character model is installed.
        matcher: Compares crops; None where no Siamese model is installed.
        calibration: Turns scores into probabilities.
        max_boxes: Boxes kept of one picture, best first.
        max_items: Prompt items accepted, at most `service.matching.MAX_ITEMS`.
    """

    def __init__(
        self,
        detector: Detector,
        classifier: Classifier | None = None,
        matcher: Matcher | None = None,
        *,
        calibration: Calibration | None = None,
        max_boxes: int = 60,
        max_items: int = MAX_ITEMS,
    ) -> None:
        self._detector = detector
        self._classifier = classifier
        self._matcher = matcher
        self._calibration = calibration or Calibration()
        self._max_boxes = max_boxes
        self._max_items = min(max_items, MAX_ITEMS)
        parts = {"detector": detector, "classifier": classifier, "siamese": matcher}
        self.models: Mapping[str, str] = {k: m.name for k, m in parts.items() if m is not None}
        """Role to name and version of every installed model."""

    def solve(self, background: Picture, prompt: Prompt, *, min_confidence: float = 0.0) -> Answer:
        """Find the clicks that a prompt asks for.

        Args:
            background: `(H, W, 3)` uint8 RGB.
            prompt: What to click, in order.
            min_confidence: Below this the answer is an abstention with its reason.

        Raises:
            ModelUnavailableError: no installed model can score this kind of prompt.
            UnknownWordsError: no word at all is known to an installed model.
            TooManyItemsError: the prompt has more items than are matched.
            RegionOutsideError: the region is not inside the background.
        """
        watch = _Stopwatch()
        evidence = self._gather(background, prompt, watch)
        scene = evidence.scene
        with watch.stage("match"):
            scores = evidence.scores / self._calibration.temperature
            result = assign(scores, null_score=self._calibration.null_score, keys=evidence.keys)
            confidence = self._confidence(result, scene)
            reason = self._reason(evidence, scores, confidence, min_confidence)
        return Answer(
            solved=reason is None,
            reason=reason,
            confidence=confidence,
            clicks=_clicks(result, scene, evidence.labels, confidence),
            boxes=_detected(scene),
            width=background.shape[1],
            height=background.shape[0],
            models={k: v for k, v in self.models.items() if k in ("detector", *evidence.used)},
            timings_ms=watch.stages,
        )

    def evidence(self, background: Picture, prompt: Prompt) -> Evidence:
        """What `solve` decides on, for fitting a calibration; same arguments and errors."""
        return self._gather(background, prompt, _Stopwatch())

    def detect(self, image: Picture) -> tuple[DetectedBox, ...]:
        """Find every clickable item of an `(H, W, 3)` uint8 RGB picture, best first."""
        return _detected(self._boxes(image))

    def classify(self, crop: Picture, words: Sequence[str]) -> tuple[float, ...]:
        """Probability of each word on an `(h, w, 3)` uint8 RGB crop, among the words given.

        Raises:
            ModelUnavailableError: no classifier is installed.
            UnknownWordsError: a word has characters that the classifier does not read.
        """
        if self._classifier is None:
            raise ModelUnavailableError("Classifying needs a classifier, and none is installed.")
        classifier = self._classifier
        for word in words:
            if not classifier.can_read(word):
                raise UnknownWordsError(_unknown(word, classifier))
        scores = classifier.read([crop]).score_words(words)[:, 0].astype(np.float64)
        weights = np.exp(scores - scores.max())
        return tuple(float(w) for w in weights / weights.sum())

    def compare(self, first: Picture, second: Picture) -> float:
        """Probability that two `(h, w, 3)` uint8 RGB pictures show the same item.

        Raises:
            ModelUnavailableError: no Siamese model is installed.
        """
        if self._matcher is None:
            raise ModelUnavailableError(
                "Comparing pictures needs a Siamese model, and none is installed."
            )
        logit = float(self._matcher.compare([first], [second])[0, 0])
        return float(1 / (1 + np.exp(-logit)))

    # Evidence: one method per kind of prompt, all giving the same thing.

    def _gather(self, background: Picture, prompt: Prompt, watch: _Stopwatch) -> Evidence:
        self._check(background, prompt)
        with watch.stage("detect"):
            scene = self._boxes(background)
            if isinstance(prompt, RegionPrompt):
                scene = _outside(scene, prompt.region)
        match prompt:
            case WordsPrompt(words):
                with watch.stage("recognise"):
                    return self._word_evidence(background, scene, words)
            case IconsPrompt(icons):
                whole = [(icon, content_box(icon)[None]) for icon in icons]
                with watch.stage("recognise"):
                    return self._picture_evidence(background, scene, whole)
            case ImagePrompt(image):
                picture = image
            case RegionPrompt((x1, y1, x2, y2)):
                picture = background[y1:y2, x1:x2]
        with watch.stage("detect"):
            found = cuts(self._detector, picture)
            every = [cut for cut in found if len(cut) <= self._max_items]
            if found and not every:
                self._check_count(min(len(cut) for cut in found))
        with watch.stage("recognise"):
            return self._best_cut(background, scene, picture, every)

    def _word_evidence(
        self, background: Picture, scene: Detections, words: tuple[str, ...]
    ) -> Evidence:
        """Score words: read by the classifier, or drawn and looked for by the matcher."""
        classifier, matcher = self._classifier, self._matcher
        distinct = list(dict.fromkeys(words))
        read = [word for word in distinct if classifier is not None and classifier.can_read(word)]
        drawn = [word for word in distinct if word not in read and can_draw(word)]
        # A word that no model knows fits any box as well as the next: it gets what is left over.
        by_word = {word: np.full(len(scene), _UNKNOWN_SCORE) for word in distinct}
        used = []
        if classifier is not None and read:
            found = classifier.read(classifier.crop(background, scene.boxes)).score_words(read)
            by_word |= zip(read, found.astype(np.float64), strict=True)
            used.append("classifier")
        if matcher is not None and drawn:
            pictures = [draw_word(word) for word in drawn]
            logits = matcher.compare(pictures, matcher.crop(background, scene.boxes))
            by_word |= zip(drawn, self._log_same(logits), strict=True)
            used.append("siamese")
        scores = np.array([by_word[word] for word in words])
        return Evidence(scene, scores, words, words, tuple(used))

    def _log_same(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Weighted log-probability of "same item" from a matcher's logits."""
        same: NDArray[np.float64] = -np.logaddexp(0.0, -logits.astype(np.float64))
        return self._calibration.siamese_weight * same

    def _best_cut(
        self,
        background: Picture,
        scene: Detections,
        picture: Picture,
        every: Sequence[NDArray[np.float32]],
    ) -> Evidence:
        """The evidence of the cut of a prompt picture whose items find partners in the scene.

        Items of all cuts go through the network in one batch. A cut is worth the likelihood of its
        best assignment, relative to its items having no box at all: an item that is no item costs,
        and one that is left out does not gain.

        Args:
            background: `(H, W, 3)` uint8 RGB.
            scene: Boxes of `background`.
            picture: `(H, W, 3)` uint8 RGB, the prompt.
            every: `(K, 4)` item boxes in pixels of `picture`, one array a cut.
        """
        boxes = np.concatenate([np.zeros((0, 4), np.float32), *every])
        whole = self._picture_evidence(background, scene, [(picture, boxes)])
        ends = np.cumsum([len(cut) for cut in every]).tolist()
        rows = [slice(end - len(cut), end) for cut, end in zip(every, ends, strict=True)]
        best = max(rows, key=lambda own: self._worth(whole.scores[own]), default=slice(0))
        count = len(range(*best.indices(len(boxes))))
        return replace(
            whole,
            scores=whole.scores[best],
            labels=(None,) * count,
            keys=tuple(range(count)),
        )

    def _worth(self, scores: NDArray[np.float64]) -> float:
        """Log-likelihood ratio of the best assignment of `(M, N)` scores to no assignment."""
        likelihoods = scores / self._calibration.temperature
        rows, columns = linear_sum_assignment(likelihoods, maximize=True)
        null_score = self._calibration.null_score
        left_over = len(scores) - len(rows)
        # An item without a box in the scene is as bad as one whose box does not fit.
        return float((likelihoods[rows, columns] - null_score).sum() + left_over * null_score)

    def _picture_evidence(
        self,
        background: Picture,
        scene: Detections,
        prompt: Sequence[tuple[Picture, NDArray[np.float32]]],
    ) -> Evidence:
        """Score pictures of items against the scene.

        Args:
            background: `(H, W, 3)` uint8 RGB.
            scene: Boxes of `background`.
            prompt: Pictures with `(K, 4)` item boxes in their own pixels, in click order.
        """
        count = sum(len(boxes) for _, boxes in prompt)
        scores = np.zeros((count, len(scene)))
        used: list[str] = []
        if self._matcher is not None:
            matcher = self._matcher
            items = [c for picture, boxes in prompt for c in matcher.crop(picture, boxes)]
            logits = matcher.compare(items, matcher.crop(background, scene.boxes))
            scores += self._log_same(logits)
            used.append("siamese")
        weight = self._calibration.classifier_weight if self._matcher is not None else 1.0
        if self._classifier is not None and weight > 0:
            reader = self._classifier
            read = reader.read(
                [c for picture, boxes in prompt for c in reader.crop(picture, boxes)]
            )
            seen = reader.read(reader.crop(background, scene.boxes))
            agreement = weight * read.agreement(seen).astype(np.float64)
            if self._matcher is not None:
                # Icons are no characters: what is read in them counts as far as it is certain.
                agreement *= np.outer(read.certainty(), seen.certainty())
            scores += agreement
            used.append("classifier")
        return Evidence(scene, scores, (None,) * count, tuple(range(count)), tuple(used))

    def _check_words(self, words: Sequence[str]) -> None:
        """Make sure that at least one word can be scored."""
        if self._classifier is None and self._matcher is None:
            raise ModelUnavailableError("Words need a classifier, and none is installed.")
        if any(self._knows(word) for word in words):
            return
        if self._classifier is None:
            raise ModelUnavailableError(
                f"The word {words[0]!r} needs a classifier, and none is installed."
            )
        raise UnknownWordsError(_unknown(words[0], self._classifier))

    def _knows(self, word: str) -> bool:
        read = self._classifier is not None and self._classifier.can_read(word)
        return read or (self._matcher is not None and can_draw(word))

    def _boxes(self, image: Picture) -> Detections:
        found = self._detector.detect(image)
        keep = slice(self._max_boxes)
        return Detections(found.boxes[keep], found.scores[keep], found.classes[keep])

    # Judgement

    def _confidence(self, result: Assignment, scene: Detections) -> float:
        if (result.boxes < 0).any() or len(result.boxes) == 0:
            return 0.0
        evidence = float(np.prod(scene.scores[result.boxes], dtype=np.float64))
        return self._calibration.confidence(result.share, evidence)

    @staticmethod
    def _reason(
        evidence: Evidence,
        scores: NDArray[np.float64],
        confidence: float,
        min_confidence: float,
    ) -> Reason | None:
        items, boxes = scores.shape
        if items == 0:
            return "empty_prompt_image"
        if boxes < items:
            return "missed_target"
        if confidence >= min_confidence:
            return None
        # Where every full assignment but one is unlikely, the doubt lies elsewhere.
        return (
            "ambiguous"
            if assign(scores, keys=evidence.keys).share < _AMBIGUOUS_BELOW
            else "low_confidence"
        )

    def _check(self, background: Picture, prompt: Prompt) -> None:
        """Refuse what cannot be answered, before any network runs."""
        match prompt:
            case WordsPrompt(words):
                self._check_count(len(words))
                self._check_words(words)
            case IconsPrompt(icons):
                self._check_count(len(icons))
                if self._matcher is None:
                    raise ModelUnavailableError(
                        "A prompt of icons needs a Siamese model, and none is installed."
                    )
            case RegionPrompt(region):
                self._check_region(background, region)
        if not isinstance(prompt, WordsPrompt) and not (self._matcher or self._classifier):
            raise ModelUnavailableError(
                "A prompt picture needs a classifier or a Siamese model, and none is installed."
            )

    def _check_count(self, items: int) -> None:
        if items == 0:
            raise InvalidRequestError("The prompt is empty; give at least one item.")
        if items > self._max_items:
            raise TooManyItemsError(
                f"The prompt has {items} items; at most {self._max_items} are matched."
            )

    @staticmethod
    def _check_region(background: Picture, region: Box) -> None:
        height, width = background.shape[:2]
        x1, y1, x2, y2 = region
        if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
            raise RegionOutsideError(
                f"The region {list(region)} is not inside the background, which is "
                f"{width} x {height} pixels."
            )


def _unknown(word: str, classifier: Classifier) -> str:
    return (
        f"The word {word!r} has characters that {classifier.name} does not know; give the prompt "
        "as a picture, or install a model that knows them."
    )


def _outside(scene: Detections, region: Box) -> Detections:
    """The boxes whose centre is not in the prompt region."""
    centre_x = (scene.boxes[:, 0] + scene.boxes[:, 2]) / 2
    centre_y = (scene.boxes[:, 1] + scene.boxes[:, 3]) / 2
    x1, y1, x2, y2 = region
    keep = ~((x1 <= centre_x) & (centre_x < x2) & (y1 <= centre_y) & (centre_y < y2))
    return Detections(scene.boxes[keep], scene.scores[keep], scene.classes[keep])


def _rounded(box: NDArray[np.float32]) -> Box:
    x1, y1, x2, y2 = (round(float(v)) for v in box)
    return x1, y1, x2, y2


def _detected(scene: Detections) -> tuple[DetectedBox, ...]:
    return tuple(
        DetectedBox(_rounded(box), float(score))
        for box, score in zip(scene.boxes, scene.scores, strict=True)
    )


def _clicks(
    result: Assignment, scene: Detections, labels: Sequence[str | None], confidence: float
) -> tuple[Click, ...]:
    """The clicks; each is at least as likely to be right as all of them together are."""
    clicks = []
    for index, label, share in zip(result.boxes, labels, result.item_shares, strict=True):
        if index < 0:
            continue
        x1, y1, x2, y2 = (float(v) for v in scene.boxes[index])
        clicks.append(
            Click(
                x=round((x1 + x2) / 2),
                y=round((y1 + y2) / 2),
                box=_rounded(scene.boxes[index]),
                label=label,
                confidence=max(float(share), confidence),
            )
        )
    return tuple(clicks)
