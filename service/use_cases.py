"""What the service does for a caller: HTTP, a batch, a client of an older service, gRPC.

Each function runs in a worker thread, on pictures as they were sent, and raises what is in
`service.errors`. Which bundle answers is decided here, once the size of the picture is known. What
no protocol can answer, a probability that is not a number, is a fault of the service and not of the
request: a `ModelFaultError`, which is none of these errors.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.text_reader import TextReading
from service.effort import Effort
from service.errors import InvalidRequestError, ModelUnavailableError, TooManyItemsError
from service.execution import Job
from service.models.bundle import TEXT
from service.models.routing import ANY_BUNDLE, RouteRequest
from service.models.selftest import confidences_of
from service.settings import Limits
from service.solving.answers import Answer, Box, DetectedBox
from service.solving.drawing import draw_answer, png_bytes
from service.solving.naming import things_of
from service.uploads import Upload, UploadedPuzzle
from siamese.vocabulary import Thing


class ModelFaultError(Exception):
    """A model answered with what is not a number."""


@dataclass(frozen=True, slots=True)
class Solution:
    """The answer to a puzzle.

    Attributes:
        answer: Clicks, or an abstention.
        drawing: PNG file of the background with the numbered clicks, where it was asked for.
    """

    answer: Answer
    drawing: bytes | None


@dataclass(frozen=True, slots=True)
class Scene:
    """The clickable items of a picture.

    Attributes:
        boxes: Best first.
        width: Width of the picture as displayed, in pixels.
        height: The same.
    """

    boxes: tuple[DetectedBox, ...]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class FoundCharacter:
    """The likeliest character of one item.

    Attributes:
        box: `x1, y1, x2, y2` in pixels of the picture, `x2`/`y2` exclusive.
        character: What the item is read as.
        probability: That it is right, 0..1.
    """

    box: Box
    character: str
    probability: float


@dataclass(frozen=True, slots=True)
class FoundNames:
    """Things that words of a prompt can name.

    Attributes:
        things: Those that were searched for, best first.
        total: How many there are in all.
    """

    things: tuple[Thing, ...]
    total: int


def solve(
    job: Job,
    puzzle: UploadedPuzzle,
    route: RouteRequest = ANY_BUNDLE,
    *,
    min_confidence: float | None = None,
    confidence: float | None = None,
    iou: float | None = None,
    effort: Effort | None = None,
    deadline_ms: int | None = None,
    draw: bool = False,
) -> Solution:
    """Find the clicks that a prompt asks for, in its order.

    Args:
        job: The request.
        puzzle: Background and prompt.
        route: Which bundle is to answer.
        min_confidence: Below this the answer is an abstention; None for the setting.
        confidence: Boxes count from this detector score on; None for the detector's own.
        iou: A box that overlaps a better one by more than this is dropped; None as above.
        effort: When a second pass follows; None for the setting.
        deadline_ms: How long after the request was taken up the answer is wanted, for which a
            second pass is left out or broken off; None for no such hurry.
        draw: Whether to draw the answer.
    """
    prompt = puzzle.prompt
    # What is too much is refused before anything is decoded.
    check_count(len(prompt.words or ()), "prompt.words", job.limits)
    check_count(len(prompt.icons or ()), "prompt.icons", job.limits)
    with job.stage("decode"):
        background = puzzle.background.decode(job.limits)
        decoded = prompt.decode(job.limits)
    job.choose(route, background, prompt.kind)
    if prompt.words is not None and not prompt.from_text:
        # Only now is it known which gallery and vocabulary answer: names may be longer than words.
        parts = job.solver.parts
        named = things_of(parts.namer, prompt.words)
        names = [word in named or parts.gallery.name_of(word) is not None for word in prompt.words]
        words = ["" if name else word for word, name in zip(prompt.words, names, strict=True)]
        _check_lengths(words, "prompt.words", job.limits)
    answer = job.solver.limited(confidence, iou).solve(
        background,
        decoded,
        min_confidence=job.min_confidence(min_confidence),
        effort=effort,
        until=None if deadline_ms is None else job.start + deadline_ms / 1000,
        check=job.deadline.check,
    )
    _check_finite(confidences_of(answer))
    job.timer.stages.update(answer.timings_ms)
    job.answered(puzzle, answer)
    drawing = draw_answer(background, answer.clicks, answer.boxes) if draw else None
    return Solution(answer, None if drawing is None else png_bytes(drawing))


def detect(
    job: Job,
    image: Upload,
    route: RouteRequest = ANY_BUNDLE,
    *,
    confidence: float | None = None,
    iou: float | None = None,
) -> Scene:
    """Find every clickable item of a picture; arguments as of `solve`."""
    picture = _decoded(job, image, route)
    with job.stage("detect"):
        boxes = job.solver.limited(confidence, iou).detect(picture)
    _check_finite(box.confidence for box in boxes)
    return Scene(boxes, width=picture.shape[1], height=picture.shape[0])


def find_characters(job: Job, image: Upload) -> tuple[FoundCharacter, ...]:
    """Find every clickable item of a picture and read each one's likeliest character."""
    picture = _decoded(job, image, ANY_BUNDLE)
    with job.stage("detect"):
        boxes = [found.box for found in job.solver.detect(picture)]
    with job.stage("recognise"):
        read = job.solver.read(picture, boxes)
    return tuple(FoundCharacter(box, *found) for box, found in zip(boxes, read, strict=True))


def classify(
    job: Job, image: Upload, words: Sequence[str], route: RouteRequest = ANY_BUNDLE
) -> tuple[float, ...]:
    """Probability of each word on one item, cut out, among the words given."""
    check_count(len(words), "words", job.limits)
    _check_lengths(words, "words", job.limits)
    crop = _decoded(job, image, route)
    with job.stage("recognise"):
        probabilities = job.solver.classify(crop, words)
    _check_finite(probabilities)
    return probabilities


def compare(job: Job, first: Upload, second: Upload, route: RouteRequest = ANY_BUNDLE) -> float:
    """Probability that two items, cut out, are the same."""
    with job.stage("decode"):
        pictures = first.decode(job.limits), second.decode(job.limits)
    job.choose(route, pictures[0])
    with job.stage("recognise"):
        similarity = job.solver.compare(*pictures)
    _check_finite([similarity])
    return similarity


def read(
    job: Job,
    image: Upload,
    route: RouteRequest = ANY_BUNDLE,
    *,
    charset: str | None = None,
    length: int | tuple[int, int] | None = None,
    colour: str | None = None,
) -> TextReading:
    """Read the text of a whole picture.

    Args:
        job: The request.
        image: The picture.
        route: Which bundle is to answer.
        charset: Characters that may occur, or a preset; None for all.
        length: How many there are, or the least and the greatest; None where nobody knows.
        colour: Read only the characters of this colour; None for all.
    """
    picture = _decoded(job, image, route, TEXT)
    with job.stage("read"):
        reading = job.solver.read_text(picture, charset=charset, length=length, colour=colour)
    _check_finite([reading.confidence, *(share for _, share in reading.characters)])
    return reading


def find_names(job: Job, text: str, limit: int, route: RouteRequest = ANY_BUNDLE) -> FoundNames:
    """Search the things that words of a prompt can name.

    Args:
        job: The request.
        text: A name, a part of one, or one with a typing error; empty lists everything.
        limit: How many at most.
        route: Whose vocabulary is meant.

    Raises:
        ModelUnavailableError: no names network is installed.
    """
    job.choose(route, None, "words")
    namer = job.solver.parts.namer
    if namer is None:
        raise ModelUnavailableError("Naming things needs a names model, and none is installed.")
    return FoundNames(namer.vocabulary.search(text, limit), len(namer.vocabulary))


def check_count(count: int, name: str, limits: Limits) -> None:
    """Refuse a prompt of too many items.

    Raises:
        TooManyItemsError: there are more than `limits.prompt_items`.
    """
    if count > limits.prompt_items:
        raise TooManyItemsError(
            f"`{name}` has {count} items; at most {limits.prompt_items} are taken."
        )


def _check_finite(probabilities: Iterable[float]) -> None:
    """Make sure that all are numbers, whichever protocol they are answered in.

    Raises:
        ModelFaultError: one is not.
    """
    if not all(map(math.isfinite, probabilities)):
        raise ModelFaultError("A model answered with what is not a number.")


def _decoded(
    job: Job, image: Upload, route: RouteRequest, prompt: str | None = None
) -> NDArray[np.uint8]:
    """The one picture of a request, once the bundle that answers is chosen."""
    with job.stage("decode"):
        picture = image.decode(job.limits)
    job.choose(route, picture, prompt)
    return picture


def _check_lengths(words: Sequence[str], name: str, limits: Limits) -> None:
    for index, word in enumerate(words):
        if len(word) > limits.word_length:
            raise InvalidRequestError(
                f"`{name}[{index}]` has {len(word)} characters; at most {limits.word_length} are "
                "read."
            )
