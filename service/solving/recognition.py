"""Recognition: what classifier and matcher say of a prompt's items on the boxes of a scene."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.protocols import Classifier
from detector.detections import Detections
from service.errors import ModelUnavailableError, UnknownWordsError
from service.solving.calibration import Calibration
from service.solving.gallery import NO_GALLERY, Gallery, bracketed
from service.solving.naming import NamedWord, score_names, things_of
from service.solving.spelling import can_spell, spelled
from service.solving.tta import Augmentation, merged
from siamese.glyphs import can_draw, draw_word
from siamese.names import Namer
from siamese.similarity import Matcher

Picture = NDArray[np.uint8]
Scores = NDArray[np.float64]

_UNKNOWN_SCORE = -9.0
"""Log-likelihood of a word that no model knows: one of some eight thousand."""

_MOST_TOLD = 10
"""Names of a gallery that an error lists."""

_CHARACTER = 0.8
"""Certainty of the classifier below which an item is no character. Where all items of a prompt are
such, the scene is not read: of 670 validation puzzles 576 are solved, and 575 if it always is."""

_FAINTEST = 0.01
"""Detector scores under this count as this."""


@dataclass(frozen=True, slots=True)
class Recogniser:
    """The models that recognise; at least one of them is there.

    Attributes:
        classifier: Reads crops; None where no character model is installed.
        matcher: Compares crops; None where no Siamese model is installed.
        gallery: Words that name pictures, for the matcher.
        namer: Finds drawings by the names of what they show; None where none is installed.
    """

    classifier: Classifier | None
    matcher: Matcher | None
    gallery: Gallery = NO_GALLERY
    namer: Namer | None = None

    def words(
        self,
        background: Picture,
        scene: Detections,
        words: Sequence[str],
        augmentation: Augmentation,
        calibration: Calibration,
        plain: int,
    ) -> tuple[Scores, tuple[str, ...], dict[str, NamedWord]]:
        """Score words: read by the classifier, or compared as pictures by the matcher.

        A word that names a class of the gallery is compared with that class's pictures; one that
        the classifier does not read, with itself drawn as a picture, or, where no font has it, it
        is read character by character. A word that names a thing of the vocabulary is that as well.

        Args:
            background: `(H, W, 3)` uint8 RGB.
            scene: N boxes of it.
            words: M words.
            augmentation: What this pass runs the networks on besides.
            calibration: Weighs the models.
            plain: How many of the boxes are the detector's own, see `score_names`.

        Returns:
            `(M, N)` log-likelihoods, the roles of the models that took part, and the words that
            name things.
        """
        classifier, matcher = self.classifier, self.matcher
        distinct = list(dict.fromkeys(words))
        shown = self._shown(distinct)
        plain_words = [word for word in distinct if word not in shown]
        read = [w for w in plain_words if classifier is not None and classifier.can_read(w)]
        drawn = self._drawn([word for word in plain_words if word not in read])
        spelt = self.spelt([word for word in plain_words if word not in (*read, *drawn)])
        # A word that no model knows fits any box as well as the next: it gets what is left over.
        by_word = {word: np.full(len(scene), _UNKNOWN_SCORE) for word in distinct}
        used = []
        if classifier is not None and read:
            views = augmentation.views(classifier.crop(background, scene.boxes))
            found = classifier.read(views).score_words(read).astype(np.float64)
            by_word |= zip(read, merged(found, len(read), len(scene)), strict=True)
            used.append("classifier")
        if classifier is not None and spelt:
            rows = spelled(classifier, background, scene.boxes, spelt, augmentation)
            by_word |= zip(spelt, rows, strict=True)
            used = ["classifier"]
        if matcher is not None and (drawn or shown):
            names = list(shown.values())
            items = [draw_word(word) for word in drawn] + self.gallery.items(names, matcher)
            views = augmentation.views(matcher.crop(background, scene.boxes))
            logits = matcher.compare(augmentation.item_views(items), views)
            same = calibration.siamese_weight * _log_same(logits)
            rows = merged(same, len(items), len(scene))
            by_word |= zip(drawn, rows[: len(drawn)], strict=True)
            by_word |= zip(shown, self.gallery.best(names, rows[len(drawn) :]), strict=True)
            used.append("siamese")
        named: dict[str, NamedWord] = {}
        if self.namer is not None and (things := things_of(self.namer, plain_words)):
            found_names = score_names(self.namer, background, scene, things, augmentation, plain)
            known = (*read, *drawn, *spelt)
            named = {
                word: name.or_read(by_word[word] if word in known else None)
                for word, name in found_names.items()
            }
            by_word |= {word: name.scores for word, name in named.items()}
            used.append("names")
        scores = np.array([by_word[word] for word in words])
        return scores + doubt(scene, calibration.detector_weight), tuple(used), named

    def names_only(self, words: Sequence[str]) -> bool:
        """Whether a word of a prompt is sought by its name, and is no character to be read."""
        things = things_of(self.namer, [word for word in words if not self._shown([word])])
        return any(self.classifier is None or not self.classifier.can_read(w) for w in things)

    def pictures(
        self,
        background: Picture,
        scene: Detections,
        prompt: Sequence[tuple[Picture, NDArray[np.float32]]],
        augmentation: Augmentation,
        calibration: Calibration,
    ) -> tuple[Scores, tuple[str, ...]]:
        """Score pictures of items: compared by the matcher, read by the classifier.

        Args:
            background: `(H, W, 3)` uint8 RGB.
            scene: N boxes of it.
            prompt: Pictures with `(K, 4)` item boxes in their own pixels, in click order.
            augmentation: What this pass runs the networks on besides.
            calibration: Weighs the models.

        Returns:
            `(M, N)` log-likelihoods of all M items, and the roles of the models that took part.
        """
        count = sum(len(boxes) for _, boxes in prompt)
        scores: Scores = np.zeros((count, len(scene)))
        used: list[str] = []
        if self.matcher is not None:
            matcher = self.matcher
            items = [c for picture, boxes in prompt for c in matcher.crop(picture, boxes)]
            views = augmentation.views(matcher.crop(background, scene.boxes))
            logits = matcher.compare(augmentation.item_views(items), views)
            scores = calibration.siamese_weight * _log_same(logits)
            used.append("siamese")
        weight = calibration.classifier_weight if self.matcher is not None else 1.0
        if self.classifier is not None and weight > 0:
            reader = self.classifier
            items = [c for picture, boxes in prompt for c in reader.crop(picture, boxes)]
            read = reader.read(augmentation.item_views(items))
            certainty = read.certainty()
            if self.matcher is None or certainty.max(initial=0.0) >= _CHARACTER:
                seen = reader.read(augmentation.views(reader.crop(background, scene.boxes)))
                agreement = weight * read.agreement(seen).astype(np.float64)
                if self.matcher is not None:
                    # Icons are no characters: what is read in them counts as far as it is certain.
                    agreement *= np.outer(certainty, seen.certainty())
                scores = scores + agreement if self.matcher is not None else agreement
                used.append("classifier")
        scores = merged(scores, count, len(scene))
        return scores + doubt(scene, calibration.detector_weight), tuple(used)

    def check_words(self, words: Sequence[str]) -> None:
        """Make sure that at least one word can be scored.

        Raises:
            ModelUnavailableError: there is no model for words.
            UnknownWordsError: no word is known to any model, or one names a picture of the
                gallery that is not there.
        """
        if self.classifier is None and self.matcher is None:
            raise ModelUnavailableError("Words need a classifier, and none is installed.")
        for word in words:
            known = self.gallery.name_of(word) is not None or bool(things_of(self.namer, [word]))
            if bracketed(word) is not None and not known:
                raise UnknownWordsError(self._missing(word))
        if any(self._knows(word) for word in words):
            return
        if self.classifier is None:
            raise ModelUnavailableError(
                f"The word {words[0]!r} needs a classifier, and none is installed."
            )
        raise UnknownWordsError(unknown_word(words[0], self.classifier, self.namer))

    def _shown(self, words: Sequence[str]) -> dict[str, str]:
        """The words that name pictures, to the names."""
        if self.matcher is None:
            return {}
        names = {word: self.gallery.name_of(word) for word in words}
        return {word: name for word, name in names.items() if name is not None}

    def _missing(self, word: str) -> str:
        """The sentence for a name that the gallery does not have."""
        known = sorted(self.gallery.pictures)
        has = f"it has {', '.join(known[:_MOST_TOLD])}" if known else "this bundle has none"
        more = ", ..." if len(known) > _MOST_TOLD else ""
        return f"The word {word!r} names no picture of the gallery; {has}{more}."

    def _knows(self, word: str) -> bool:
        if self._shown([word]) or things_of(self.namer, [word]):
            return True
        read = self.classifier is not None and self.classifier.can_read(word)
        return read or bool(self._drawn([word]) or self.spelt([word]))

    def _drawn(self, words: Sequence[str]) -> list[str]:
        """Those of some words that the matcher can be shown as pictures; no name in brackets is."""
        if self.matcher is None:
            return []
        return [word for word in words if bracketed(word) is None and can_draw(word)]

    def spelt(self, words: Sequence[str]) -> list[str]:
        """Those of some words that are read character by character, if by nothing else."""
        classifier = self.classifier
        if classifier is None:
            return []
        texts = (w for w in words if bracketed(w) is None and not self._shown([w]))
        others = (w for w in texts if not classifier.can_read(w) and not self._drawn([w]))
        return [w for w in others if can_spell(classifier, w)]


def unknown_word(word: str, classifier: Classifier, namer: Namer | None = None) -> str:
    """The sentence for a word that the classifier does not read, with names that are like it."""
    near = namer.vocabulary.nearest(word) if namer is not None else ()
    hint = f"the nearest names are {', '.join(map(repr, near))}" if near else ""
    return (
        f"The word {word!r} has characters that {classifier.name} does not know"
        + (", and names no thing of the vocabulary" if namer is not None else "")
        + (f"; {hint}; choose one of them, " if hint else "; ")
        + "give the prompt as a picture, or install a model that knows them."
    )


def doubt(scene: Detections, weight: float) -> Scores:
    """`(N,)`: what the detector's doubt of a box takes off every item's score on it."""
    taken: Scores = weight * np.log(np.maximum(scene.scores.astype(np.float64), _FAINTEST))
    return taken


def _log_same(logits: NDArray[np.float32]) -> Scores:
    """Log-probability of "same item" from a matcher's logits."""
    same: Scores = -np.logaddexp(0.0, -logits.astype(np.float64))
    return same
