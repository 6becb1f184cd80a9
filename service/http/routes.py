"""The routes of single requests: each is a use case, with its answer as JSON."""

import base64

from fastapi import APIRouter

from service import use_cases
from service.execution import Job
from service.http.dispatch import post_route
from service.http.documentation import request_docs
from service.http.fields import PROMPT_FIELDS
from service.http.responses import (
    BoxOut,
    CharacterOut,
    ClassifyResponse,
    CompareResponse,
    DetectResponse,
    Health,
    ImageOut,
    ReadResponse,
    SolveResponse,
    WordScore,
)
from service.http.schemas import (
    ClassifyRequest,
    CompareRequest,
    DetectRequest,
    ReadRequest,
    SolveRequest,
)
from service.uploads import Upload

router = APIRouter()


@post_route(
    router,
    "/solve",
    SolveRequest,
    SolveResponse,
    "Solve a puzzle",
    docs=request_docs(SolveRequest, PROMPT_FIELDS),
)
def solve(job: Job, sent: SolveRequest) -> SolveResponse:
    """Find the clicks that the prompt asks for, in its order.

    An answer below `options.min_confidence` has `solved: false` with a `reason`; it is a normal
    answer. Coordinates are pixels of the background as displayed, origin top left.
    """
    found = use_cases.solve(job, sent.puzzle, sent.route, **sent.options.model_dump())
    drawing = None
    if found.drawing is not None:
        drawing = "data:image/png;base64," + base64.b64encode(found.drawing).decode("ascii")
    models = job.models(*found.answer.models)
    return SolveResponse.of(found.answer, models, job.timings_ms(), job.request_id, drawing)


@post_route(router, "/detect", DetectRequest, DetectResponse, "Find the clickable items")
def detect(job: Job, sent: DetectRequest) -> DetectResponse:
    """Find every clickable item of a picture, best first."""
    image = Upload(sent.image, "image")
    scene = use_cases.detect(job, image, sent.route, confidence=sent.confidence, iou=sent.iou)
    return DetectResponse(
        boxes=[BoxOut.of(box) for box in scene.boxes],
        image=ImageOut(width=scene.width, height=scene.height),
        models=job.models("detector"),
        timings_ms=job.timings_ms(),
        request_id=job.request_id,
    )


@post_route(
    router,
    "/classify",
    ClassifyRequest,
    ClassifyResponse,
    "Say which of some words an item is",
)
def classify(job: Job, sent: ClassifyRequest) -> ClassifyResponse:
    """Score the words on one item, cut out; the probabilities of the words add up to one."""
    found = use_cases.classify(job, Upload(sent.image, "image"), sent.words, sent.route)
    scores = [
        WordScore(word=word, probability=p) for word, p in zip(sent.words, found, strict=True)
    ]
    return ClassifyResponse(
        best=max(scores, key=lambda score: score.probability).word,
        scores=scores,
        models=job.models("classifier"),
        timings_ms=job.timings_ms(),
        request_id=job.request_id,
    )


@post_route(router, "/compare", CompareRequest, CompareResponse, "Say how alike two items are")
def compare(job: Job, sent: CompareRequest) -> CompareResponse:
    """Compare two items, cut out, whatever their size, colour and rotation."""
    first, second = Upload(sent.first, "first"), Upload(sent.second, "second")
    similarity = use_cases.compare(job, first, second, sent.route)
    return CompareResponse(
        similarity=similarity,
        same=similarity >= 0.5,
        models=job.models("siamese"),
        timings_ms=job.timings_ms(),
        request_id=job.request_id,
    )


@post_route(router, "/read", ReadRequest, ReadResponse, "Read the text of a picture")
def read(job: Job, sent: ReadRequest) -> ReadResponse:
    """Read a whole picture of text, with a confidence for each character and for all of them.

    `charset` and `length` restrict what may be answered; `color` asks for the characters of one
    colour only, where the model has learnt to tell colours apart.
    """
    image = Upload(sent.image, "image")
    reading = use_cases.read(job, image, sent.route, **sent.restrictions)
    return ReadResponse(
        text=reading.text,
        confidence=reading.confidence,
        characters=[CharacterOut(char=c, confidence=share) for c, share in reading.characters],
        models=job.models("text"),
        timings_ms=job.timings_ms(),
        request_id=job.request_id,
    )


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Is the service alive?")
async def healthz() -> Health:
    """Answers as long as the event loop does, however long the queue is."""
    return Health(status="ok")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", summary="Can it solve puzzles?")
async def readyz() -> Health:
    """Answers as soon as the models are loaded; before that, and while it ends, nobody listens."""
    return Health(status="ok")
