"""Evidence: what the models have to say of a puzzle, before anything is decided."""

from collections.abc import Hashable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from detector.closer import detect_closely
from detector.detections import Detections, Limitable
from labels.annotations import ITEM
from service.errors import (
    InvalidRequestError,
    ModelUnavailableError,
    RegionOutsideError,
    TooManyItemsError,
)
from service.solving.answers import Box
from service.solving.assignment import best_assignment
from service.solving.calibration import Calibration, Kind
from service.solving.matching import MAX_ITEMS
from service.solving.naming import NamedWord
from service.solving.parts import Parts
from service.solving.prompt_segmentation import Candidates, candidates, content_box
from service.solving.prompts import IconsPrompt, ImagePrompt, Prompt, RegionPrompt, WordsPrompt
from service.solving.recognition import Recogniser
from service.solving.spelling import with_joined
from service.solving.tta import FIRST_PASS, Augmentation
from service.telemetry.stages import StageTimer

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the models have to say of one puzzle; matching needs nothing else.

    Attributes:
        scene: The clickable boxes of the background.
        scores: `(M, N)` log-likelihoods of items on boxes.
        labels: One per item, None where the prompt is a picture.
        keys: One per item; equal keys are the same item asked for twice.
        used: Roles of the models that took part.
        calibration: Calibration of this kind of prompt.
        cut_share: Weight of the cut of a prompt picture among all its cuts, 0..1; 1 where the
            items are given.
        names: Words that name things, with what they mean on each box.
        kind: Kind of prompt, whose calibration it is.
    """

    scene: Detections
    scores: NDArray[np.float64]
    labels: tuple[str | None, ...]
    keys: tuple[Hashable, ...]
    used: tuple[str, ...]
    calibration: Calibration
    cut_share: float = 1.0
    names: Mapping[str, NamedWord] = field(default_factory=dict)
    kind: Kind = "pictures"


@dataclass
class PassCache:
    """What the passes over a puzzle have in common.

    Attributes:
        whole: Boxes of the whole background.
        cuts: Cuts of the prompt picture.
    """

    whole: Detections | None = None
    cuts: Candidates | None = None


class Scorer:
    """Detector, classifier and matcher, asked for what they see; safe to share between threads.

    Args:
        parts: The models, the gallery, and how scores are weighed.
        max_boxes: Boxes kept of one picture, best first.
        max_items: Prompt items accepted, at most `service.solving.matching.MAX_ITEMS`.
    """

    def __init__(self, parts: Parts, *, max_boxes: int, max_items: int) -> None:
        self._parts = parts
        self._scene_detector = parts.detector
        self._iou_threshold: float | None = None
        self._recogniser = Recogniser(parts.classifier, parts.matcher, parts.gallery, parts.namer)
        self._max_boxes = max_boxes
        self._max_items = min(max_items, MAX_ITEMS)

    def limited(self, confidence: float | None, iou: float | None) -> "Scorer":
        """The same with other thresholds of the detector on scenes; see `Solver.limited`."""
        detector = self._parts.detector
        if not isinstance(detector, Limitable):
            raise InvalidRequestError(
                f"{detector.name} has no thresholds to change; leave out `confidence` and `iou`."
            )
        other = copy(self)
        other._scene_detector = detector.limited(confidence_threshold=confidence, iou_threshold=iou)
        other._iou_threshold = iou
        return other

    @property
    def classes(self) -> tuple[str, ...]:
        """What the detector calls the boxes of a scene; empty where that says nothing."""
        detector = self._parts.detector
        names = detector.classes if isinstance(detector, Limitable) else ()
        return () if names == (ITEM,) else names

    def detect(
        self,
        image: Picture,
        augmentation: Augmentation = FIRST_PASS,
        cache: PassCache | None = None,
    ) -> Detections:
        """The best boxes of an `(H, W, 3)` uint8 RGB picture.

        Args:
            image: `(H, W, 3)` uint8 RGB.
            augmentation: Whether the detector sees enlarged parts as well.
            cache: Cache of an earlier pass over the same picture; filled for a later one.
        """
        cache = cache or PassCache()
        found = cache.whole or self._scene_detector.detect(image)
        cache.whole = found
        if augmentation.tiles:
            limit = {} if self._iou_threshold is None else {"iou_threshold": self._iou_threshold}
            return detect_closely(
                self._scene_detector, image, self._max_boxes, whole=found, **limit
            )
        keep = slice(self._max_boxes)
        return Detections(found.boxes[keep], found.scores[keep], found.classes[keep])

    def gather(
        self,
        background: Picture,
        prompt: Prompt,
        watch: StageTimer,
        augmentation: Augmentation = FIRST_PASS,
        cache: PassCache | None = None,
    ) -> Evidence:
        """Everything that is to be known of a puzzle.

        Args:
            background: `(H, W, 3)` uint8 RGB.
            prompt: What to click, in order.
            watch: Takes the times of the stages `detect` and `recognise`.
            augmentation: What this pass runs the networks on besides.
            cache: Cache of an earlier pass over the same puzzle; filled for a later one.

        Raises:
            ModelUnavailableError: no installed model can score this kind of prompt.
            UnknownWordsError: no word at all is known to an installed model.
            TooManyItemsError: the prompt has more items than are matched.
            RegionOutsideError: the region is not inside the background.
        """
        self._check(background, prompt)
        cache = cache or PassCache()
        with watch.stage("detect"):
            scene = self.detect(background, augmentation, cache)
            if isinstance(prompt, RegionPrompt):
                scene = _outside(scene, prompt.region)
        match prompt:
            case WordsPrompt(words):
                kind: Kind = "names" if self._recogniser.names_only(words) else "words"
                calibration = self._parts.calibrations.of(kind, augmentation)
                plain = len(scene)
                if spelt := self._recogniser.spelt(words):
                    scene = with_joined(scene, {len(word) for word in spelt})
                with watch.stage("recognise"):
                    scores, used, names = self._recogniser.words(
                        background, scene, words, augmentation, calibration, plain
                    )
                return Evidence(
                    scene, scores, words, words, used, calibration, names=names, kind=kind
                )
            case IconsPrompt(icons):
                whole = [(icon, content_box(icon)[None]) for icon in icons]
                with watch.stage("recognise"):
                    return self._picture_evidence(background, scene, whole, augmentation, "icons")
            case ImagePrompt(image, count, slots):
                picture = image
            case RegionPrompt((x1, y1, x2, y2), count, slots):
                picture = background[y1:y2, x1:x2]
        with watch.stage("detect"):
            found = cache.cuts
            if found is None:
                found = candidates(
                    self._parts.prompt_detector or self._parts.detector, picture, count, slots
                )
            cache.cuts = found
            matched = found.at_most(self._max_items)
            if found.cuts and not matched.cuts:
                self._check_count(min(len(cut.rows) for cut in found.cuts))
        with watch.stage("recognise"):
            return self._best_cut(background, scene, picture, matched, augmentation)

    def _best_cut(
        self,
        background: Picture,
        scene: Detections,
        picture: Picture,
        found: Candidates,
        augmentation: Augmentation,
    ) -> Evidence:
        """The evidence of the cut of a prompt picture whose items find partners in the scene.

        The boxes of all cuts go through the network in one batch. A cut is worth what speaks for
        it by itself and the likelihood of its best assignment, relative to its items having no
        box at all: an item that is no item costs, and one that is left out does not gain.

        Args:
            background: `(H, W, 3)` uint8 RGB.
            scene: Boxes of `background`.
            picture: `(H, W, 3)` uint8 RGB, the prompt.
            found: Cuts of `picture`.
            augmentation: What this pass runs the networks on besides.
        """
        whole = self._picture_evidence(background, scene, [(picture, found.boxes)], augmentation)
        worths = [
            cut.prior + _worth(whole.scores[list(cut.rows)], whole.calibration)
            for cut in found.cuts
        ]
        rows = list(found.cuts[int(np.argmax(worths))].rows) if worths else []
        # Log-likelihood ratios, so that they are weights among each other.
        share = float(1 / np.exp(np.array(worths) - max(worths)).sum()) if worths else 1.0
        reader = () if self._parts.prompt_detector is None else ("prompt_detector",)
        return replace(
            whole,
            scores=whole.scores[rows],
            labels=(None,) * len(rows),
            keys=tuple(range(len(rows))),
            used=(*reader, *whole.used),
            cut_share=share,
        )

    def _picture_evidence(
        self,
        background: Picture,
        scene: Detections,
        prompt: Sequence[tuple[Picture, NDArray[np.float32]]],
        augmentation: Augmentation,
        kind: Kind = "pictures",
    ) -> Evidence:
        """Score pictures of items against the scene; arguments as of `Recogniser.pictures`."""
        calibration = self._parts.calibrations.of(kind, augmentation)
        scores, used = self._recogniser.pictures(
            background, scene, prompt, augmentation, calibration
        )
        count = len(scores)
        keys = tuple(range(count))
        return Evidence(scene, scores, (None,) * count, keys, used, calibration, kind=kind)

    def _check(self, background: Picture, prompt: Prompt) -> None:
        """Refuse what cannot be answered, before any network runs."""
        match prompt:
            case WordsPrompt(words):
                self._check_count(len(words))
                self._recogniser.check_words(words)
            case IconsPrompt(icons):
                self._check_count(len(icons))
                if self._recogniser.matcher is None:
                    raise ModelUnavailableError(
                        "A prompt of icons needs a Siamese model, and none is installed."
                    )
            case RegionPrompt(region):
                self._check_region(background, region)
        able = self._recogniser.matcher is not None or self._recogniser.classifier is not None
        if not isinstance(prompt, WordsPrompt) and not able:
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


def _worth(scores: NDArray[np.float64], calibration: Calibration) -> float:
    """Log-likelihood ratio of the best assignment of `(M, N)` scores to no assignment.

    No item gains or costs more than a little: a part of an item may look like something else by
    chance, and an item may have been missed in the scene.
    """
    rows, columns = best_assignment(scores)
    most = calibration.most_gain
    gains = np.clip(scores[rows, columns] - calibration.no_partner, -most, most)
    # An item without a box in the scene is as bad as one whose box does not fit.
    return float(gains.sum() - most * (len(scores) - len(rows)))


def _outside(scene: Detections, region: Box) -> Detections:
    """The boxes whose centre is not in the prompt region."""
    centre_x = (scene.boxes[:, 0] + scene.boxes[:, 2]) / 2
    centre_y = (scene.boxes[:, 1] + scene.boxes[:, 3]) / 2
    x1, y1, x2, y2 = region
    keep = ~((x1 <= centre_x) & (centre_x < x2) & (y1 <= centre_y) & (centre_y < y2))
    return Detections(scene.boxes[keep], scene.scores[keep], scene.classes[keep])
