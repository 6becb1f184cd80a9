"""Evidence: what the models have to say of a puzzle, before anything is decided."""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from classifier.readings import Classifier
from detector.detections import Detections, Detector
from service.answers import Box
from service.calibration import Calibration, Calibrations
from service.errors import (
    InvalidRequestError,
    ModelUnavailableError,
    RegionOutsideError,
    TooManyItemsError,
    UnknownWordsError,
)
from service.lettering import can_draw, draw_word
from service.matching import MAX_ITEMS
from service.prompt_picture import content_box, cuts
from service.prompts import IconsPrompt, ImagePrompt, Prompt, RegionPrompt, WordsPrompt
from siamese.similarity import Matcher

Picture = NDArray[np.uint8]

_UNKNOWN_SCORE = -9.0
"""Log-likelihood of a word that no model knows: one of some eight thousand."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the models have to say of one puzzle; matching needs nothing else.

    Attributes:
        scene: The clickable boxes of the background.
        scores: `(M, N)` log-likelihoods of items on boxes.
        labels: One per item, None where the prompt is a picture.
        keys: One per item; equal keys are the same item asked for twice.
        used: Roles of the models that took part.
        calibration: Of this kind of prompt.
    """

    scene: Detections
    scores: NDArray[np.float64]
    labels: tuple[str | None, ...]
    keys: tuple[Hashable, ...]
    used: tuple[str, ...]
    calibration: Calibration


@dataclass
class Stopwatch:
    """Milliseconds by stage."""

    stages: dict[str, float] = field(
        default_factory=lambda: {"detect": 0.0, "recognise": 0.0, "match": 0.0}
    )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        start = perf_counter()
        try:
            yield
        finally:
            self.stages[name] += (perf_counter() - start) * 1000


class Witnesses:
    """Detector, classifier and matcher, asked for what they see; safe to share between threads.

    Args:
        detector: Finds boxes, on backgrounds and on prompt pictures.
        classifier: Reads crops; None where no character model is installed.
        matcher: Compares crops; None where no Siamese model is installed.
        calibrations: Weigh what they say.
        max_boxes: Boxes kept of one picture, best first.
        max_items: Prompt items accepted, at most `service.matching.MAX_ITEMS`.
    """

    def __init__(
        self,
        detector: Detector,
        classifier: Classifier | None,
        matcher: Matcher | None,
        calibrations: Calibrations,
        *,
        max_boxes: int,
        max_items: int,
    ) -> None:
        self._detector = detector
        self._classifier = classifier
        self._matcher = matcher
        self._calibrations = calibrations
        self._max_boxes = max_boxes
        self._max_items = min(max_items, MAX_ITEMS)

    def detect(self, image: Picture) -> Detections:
        """The best boxes of an `(H, W, 3)` uint8 RGB picture."""
        found = self._detector.detect(image)
        keep = slice(self._max_boxes)
        return Detections(found.boxes[keep], found.scores[keep], found.classes[keep])

    def gather(self, background: Picture, prompt: Prompt, watch: "Stopwatch") -> Evidence:
        """Everything that is to be known of a puzzle.

        Args:
            background: `(H, W, 3)` uint8 RGB.
            prompt: What to click, in order.
            watch: Takes the times of the stages `detect` and `recognise`.

        Raises:
            ModelUnavailableError: no installed model can score this kind of prompt.
            UnknownWordsError: no word at all is known to an installed model.
            TooManyItemsError: the prompt has more items than are matched.
            RegionOutsideError: the region is not inside the background.
        """
        self._check(background, prompt)
        with watch.stage("detect"):
            scene = self.detect(background)
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
            weight = self._calibrations.words.siamese_weight
            by_word |= zip(drawn, weight * _log_same(logits), strict=True)
            used.append("siamese")
        scores = np.array([by_word[word] for word in words])
        return Evidence(scene, scores, words, words, tuple(used), self._calibrations.words)

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
        calibration = self._calibrations.pictures
        likelihoods = scores / calibration.temperature
        rows, columns = linear_sum_assignment(likelihoods, maximize=True)
        null_score = calibration.null_score
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
            scores += self._calibrations.pictures.siamese_weight * _log_same(logits)
            used.append("siamese")
        weight = self._calibrations.pictures.classifier_weight if self._matcher is not None else 1.0
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
        return Evidence(
            scene,
            scores,
            (None,) * count,
            tuple(range(count)),
            tuple(used),
            self._calibrations.pictures,
        )

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
        raise UnknownWordsError(unknown_word(words[0], self._classifier))

    def _knows(self, word: str) -> bool:
        read = self._classifier is not None and self._classifier.can_read(word)
        return read or (self._matcher is not None and can_draw(word))

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


def _log_same(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log-probability of "same item" from a matcher's logits."""
    same: NDArray[np.float64] = -np.logaddexp(0.0, -logits.astype(np.float64))
    return same


def unknown_word(word: str, classifier: Classifier) -> str:
    """The sentence for a word that the classifier does not read."""
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
