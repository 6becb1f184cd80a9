"""The routes: read the body on the event loop, do everything else in the pool."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.errors import InvalidRequestError, TooManyItemsError
from service.execution import Job, run_job
from service.http.documentation import POST_PROBLEMS, request_docs
from service.http.responses import (
    BoxOut,
    ClassifyResponse,
    CompareResponse,
    DetectResponse,
    Health,
    ImageOut,
    SolveResponse,
    WordScore,
)
from service.http.schemas import (
    PROMPT_FIELDS,
    ClassifyRequest,
    CompareRequest,
    DetectRequest,
    PromptField,
    SolveRequest,
)
from service.settings import Limits
from service.solving.drawing import draw_answer, png_data_url
from service.solving.prompts import IconsPrompt, ImagePrompt, Prompt, RegionPrompt, WordsPrompt

router = APIRouter()


@router.post(
    "/solve",
    response_model=SolveResponse,
    summary="Solve a puzzle",
    responses=POST_PROBLEMS,
    openapi_extra=request_docs(SolveRequest, PROMPT_FIELDS),
)
async def solve(request: Request) -> Response:
    """Find the clicks that the prompt asks for, in its order.

    An answer below `options.min_confidence` has `solved: false` with a `reason`; it is a normal
    answer. Coordinates are pixels of the background as displayed, origin top left.
    """
    return await run_job(request, SolveRequest, solve_puzzle)


@router.post(
    "/detect",
    response_model=DetectResponse,
    summary="Find the clickable items",
    responses=POST_PROBLEMS,
    openapi_extra=request_docs(DetectRequest),
)
async def detect(request: Request) -> Response:
    """Find every clickable item of a picture, best first."""
    return await run_job(request, DetectRequest, _detect)


@router.post(
    "/classify",
    response_model=ClassifyResponse,
    summary="Say which of some words an item is",
    responses=POST_PROBLEMS,
    openapi_extra=request_docs(ClassifyRequest),
)
async def classify(request: Request) -> Response:
    """Score the words on one item, cut out; the probabilities of the words add up to one."""
    return await run_job(request, ClassifyRequest, _classify)


@router.post(
    "/compare",
    response_model=CompareResponse,
    summary="Say how alike two items are",
    responses=POST_PROBLEMS,
    openapi_extra=request_docs(CompareRequest),
)
async def compare(request: Request) -> Response:
    """Compare two items, cut out, whatever their size, colour and rotation."""
    return await run_job(request, CompareRequest, _compare)


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


# The work of one request, in its worker.


def solve_puzzle(job: Job, sent: SolveRequest) -> SolveResponse:
    """The answer to one puzzle, in a worker; raises what is in `service.errors`."""
    _check_prompt(sent.prompt, job.limits)
    with job.stage("decode"):
        background = job.picture(sent.background, "background")
        prompt = _prompt(job, sent.prompt)
    job.choose(sent, background, sent.prompt.kind)
    if sent.prompt.words is not None:
        # Only now is it known which gallery answers: its names may be longer than words are.
        gallery = job.solver.parts.gallery
        _check_lengths(
            [word if gallery.name_of(word) is None else "" for word in sent.prompt.words],
            "prompt.words",
            job.limits,
        )
    solver = job.solver.limited(sent.options.confidence, sent.options.iou)
    answer = solver.solve(
        background,
        prompt,
        min_confidence=job.min_confidence(sent.options.min_confidence),
        check=job.deadline.check,
    )
    job.stages.update(answer.timings_ms)
    job.answered(sent, answer)
    drawing = None
    if sent.options.draw:
        drawing = png_data_url(draw_answer(background, answer.clicks, answer.boxes))
    return SolveResponse.of(
        answer, job.models(*answer.models), job.timings_ms(), job.request_id, drawing
    )


def _detect(job: Job, sent: DetectRequest) -> DetectResponse:
    with job.stage("decode"):
        image = job.picture(sent.image, "image")
    job.choose(sent, image)
    with job.stage("detect"):
        found = job.solver.limited(sent.confidence, sent.iou).detect(image)
    return DetectResponse(
        boxes=[BoxOut.of(box) for box in found],
        image=ImageOut(width=image.shape[1], height=image.shape[0]),
        models=job.models("detector"),
        timings_ms=job.timings_ms(),
        request_id=job.request_id,
    )


def _classify(job: Job, sent: ClassifyRequest) -> ClassifyResponse:
    _check_words(sent.words, "words", job.limits)
    with job.stage("decode"):
        crop = job.picture(sent.image, "image")
    job.choose(sent, crop)
    with job.stage("recognise"):
        probabilities = job.solver.classify(crop, sent.words)
    scores = [
        WordScore(word=word, probability=p)
        for word, p in zip(sent.words, probabilities, strict=True)
    ]
    return ClassifyResponse(
        best=max(scores, key=lambda score: score.probability).word,
        scores=scores,
        models=job.models("classifier"),
        timings_ms=job.timings_ms(),
        request_id=job.request_id,
    )


def _compare(job: Job, sent: CompareRequest) -> CompareResponse:
    with job.stage("decode"):
        first = job.picture(sent.first, "first")
        second = job.picture(sent.second, "second")
    job.choose(sent, first)
    with job.stage("recognise"):
        similarity = job.solver.compare(first, second)
    return CompareResponse(
        similarity=similarity,
        same=similarity >= 0.5,
        models=job.models("siamese"),
        timings_ms=job.timings_ms(),
        request_id=job.request_id,
    )


def _prompt(job: Job, sent: PromptField) -> Prompt:
    if sent.kind == "words":
        return WordsPrompt(sent.all_words)
    if sent.icons is not None:
        return IconsPrompt(
            tuple(job.picture(icon, f"prompt.icons[{i}]") for i, icon in enumerate(sent.icons))
        )
    if sent.image is not None:
        return ImagePrompt(job.picture(sent.image, "prompt.image"), sent.counts)
    assert sent.region is not None  # noqa: S101 - the schema has seen that one is given
    return RegionPrompt(sent.region, sent.counts)


def _check_prompt(prompt: PromptField, limits: Limits) -> None:
    """Refuse what is too much before anything is decoded."""
    if prompt.kind == "words":
        check_count(len(prompt.all_words), "prompt.words", limits)
    if prompt.icons is not None:
        check_count(len(prompt.icons), "prompt.icons", limits)


def _check_words(words: Sequence[str], name: str, limits: Limits) -> None:
    check_count(len(words), name, limits)
    _check_lengths(words, name, limits)


def _check_lengths(words: Sequence[str], name: str, limits: Limits) -> None:
    for index, word in enumerate(words):
        if len(word) > limits.word_length:
            raise InvalidRequestError(
                f"`{name}[{index}]` has {len(word)} characters; at most {limits.word_length} are "
                "read."
            )


def check_count(count: int, name: str, limits: Limits) -> None:
    """Refuse a prompt of too many items.

    Raises:
        TooManyItemsError: there are more than `limits.prompt_items`.
    """
    if count > limits.prompt_items:
        raise TooManyItemsError(
            f"`{name}` has {count} items; at most {limits.prompt_items} are taken."
        )
