"""The routes: read the body on the event loop, do everything else in the pool."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.bodies import parse_body, read_body
from service.documentation import POST_PROBLEMS, problem_docs, request_docs
from service.drawing import draw_answer, png_data_url
from service.errors import (
    BodyTimeoutError,
    InvalidRequestError,
    ModelUnavailableError,
    TooManyItemsError,
)
from service.pictures import decode_base64, decode_picture
from service.pool import InferencePool
from service.prompts import IconsPrompt, ImagePrompt, Prompt, RegionPrompt, WordsPrompt
from service.responses import (
    BoxOut,
    ClassifyResponse,
    CompareResponse,
    DetectResponse,
    Health,
    ImageOut,
    ModelsResponse,
    SolveResponse,
    WordScore,
)
from service.schemas import (
    ClassifyRequest,
    CompareRequest,
    DetectRequest,
    PromptField,
    RequestModel,
    SolveRequest,
)
from service.settings import Limits, Settings
from service.solver import Solver

M = TypeVar("M", bound=RequestModel)

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Service:
    """What the lifespan makes and every request shares.

    Attributes:
        settings: As passed to `create_app`.
        solver: Safe to share between threads.
        pool: Where the solver runs.
    """

    settings: Settings
    solver: Solver
    pool: InferencePool


@dataclass(frozen=True, slots=True)
class Job:
    """One request in its worker.

    Attributes:
        solver: Of the service.
        limits: Of the service.
        request_id: For the answer.
        start: `perf_counter` when the worker took it up.
        stages: Milliseconds by stage, filled while it runs.
    """

    solver: Solver
    limits: Limits
    request_id: str
    start: float = field(default_factory=time.perf_counter)
    stages: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of a `with` block to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - start) * 1000
            self.stages[name] = self.stages.get(name, 0.0) + spent

    def timings_ms(self) -> dict[str, float]:
        """The stages so far and the total, to a hundredth."""
        total = (time.perf_counter() - self.start) * 1000
        return {name: round(ms, 2) for name, ms in (self.stages | {"total": total}).items()}

    def models(self, role: str) -> dict[str, str]:
        """The one model that took part."""
        installed = self.solver.models
        return {role: installed[role]} if role in installed else {}

    def picture(self, sent: str | bytes, name: str) -> NDArray[np.uint8]:
        """Decode a picture field: base64 text from JSON, bytes from multipart."""
        data = decode_base64(sent, name) if isinstance(sent, str) else sent
        return decode_picture(data, self.limits, name)


_CALLER_LEFT = 499
"""Nobody reads it; nginx's number for a request whose caller closed the connection."""


async def _run(request: Request, model: type[M], work: Callable[[Job, M], BaseModel]) -> Response:
    """Read the body, do `work` in the pool, answer with its JSON."""
    service: Service = request.app.state.service
    timeout_s = service.settings.body_timeout_s
    with service.pool.reading():
        try:
            async with asyncio.timeout(timeout_s):
                body = await read_body(request)
        except TimeoutError as error:
            raise BodyTimeoutError(
                f"The request body did not arrive within {timeout_s} s; send it faster, or less."
            ) from error

    def job() -> str:
        this = Job(service.solver, service.settings.limits, request.state.request_id)
        return work(this, parse_body(body, model)).model_dump_json(exclude_unset=True)

    answer = asyncio.ensure_future(service.pool.run(job))
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()  # Frees the place of a job that has not started.
            return Response(status_code=_CALLER_LEFT)
        return Response(answer.result(), media_type="application/json")
    finally:
        gone.cancel()
        answer.cancel()


async def _disconnected(request: Request) -> None:
    """Return once the caller has closed the connection; the body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


@router.post(
    "/solve",
    response_model=SolveResponse,
    summary="Solve a puzzle",
    responses=POST_PROBLEMS,
    openapi_extra=request_docs(SolveRequest, ("words", "icons", "image", "region")),
)
async def solve(request: Request) -> Response:
    """Find the clicks that the prompt asks for, in its order.

    An answer below `options.min_confidence` has `solved: false` with a `reason`; it is a normal
    answer. Coordinates are pixels of the background as displayed, origin top left.
    """
    return await _run(request, SolveRequest, _solve)


@router.post(
    "/detect",
    response_model=DetectResponse,
    summary="Find the clickable items",
    responses=POST_PROBLEMS,
    openapi_extra=request_docs(DetectRequest),
)
async def detect(request: Request) -> Response:
    """Find every clickable item of a picture, best first."""
    return await _run(request, DetectRequest, _detect)


@router.post(
    "/classify",
    response_model=ClassifyResponse,
    summary="Say which of some words an item is",
    responses=POST_PROBLEMS,
    openapi_extra=request_docs(ClassifyRequest),
)
async def classify(request: Request) -> Response:
    """Score the words on one item, cut out; the probabilities of the words add up to one."""
    return await _run(request, ClassifyRequest, _classify)


@router.post(
    "/compare",
    response_model=CompareResponse,
    summary="Say how alike two items are",
    responses=POST_PROBLEMS,
    openapi_extra=request_docs(CompareRequest),
)
async def compare(request: Request) -> Response:
    """Compare two items, cut out, whatever their size, colour and rotation."""
    return await _run(request, CompareRequest, _compare)


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Is the service alive?")
async def healthz() -> Health:
    """Answers as long as the event loop does, however long the queue is."""
    return Health(status="ok")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", summary="Can it solve puzzles?", responses=problem_docs(503))
async def readyz(request: Request) -> Health:
    """Answers 503 where no detector is installed, as nothing can be solved without one."""
    service: Service = request.app.state.service
    if "detector" not in service.solver.models:
        raise ModelUnavailableError(
            "No detector is installed, so nothing can be solved; set CLICKORDER_MODELS_DIR or "
            "CLICKORDER_BACKEND."
        )
    return Health(status="ok")


@router.get("/models", summary="Which models are installed?")
async def models(request: Request) -> ModelsResponse:
    """Role to name and version of every installed model."""
    service: Service = request.app.state.service
    return ModelsResponse(models=dict(service.solver.models))


# The work of one request, in its worker.


def _solve(job: Job, sent: SolveRequest) -> SolveResponse:
    _check_prompt(sent.prompt, job.limits)
    with job.stage("decode"):
        background = job.picture(sent.background, "background")
        prompt = _prompt(job, sent.prompt)
    answer = job.solver.solve(background, prompt, min_confidence=sent.options.min_confidence)
    job.stages.update(answer.timings_ms)
    drawing = None
    if sent.options.draw:
        drawing = png_data_url(draw_answer(background, answer.clicks, answer.boxes))
    return SolveResponse.of(answer, job.timings_ms(), job.request_id, drawing)


def _detect(job: Job, sent: DetectRequest) -> DetectResponse:
    with job.stage("decode"):
        image = job.picture(sent.image, "image")
    with job.stage("detect"):
        found = job.solver.detect(image)
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
    if sent.words is not None:
        return WordsPrompt(tuple(sent.words))
    if sent.icons is not None:
        return IconsPrompt(
            tuple(job.picture(icon, f"prompt.icons[{i}]") for i, icon in enumerate(sent.icons))
        )
    if sent.image is not None:
        return ImagePrompt(job.picture(sent.image, "prompt.image"))
    assert sent.region is not None  # noqa: S101 - the schema has seen that one is given
    return RegionPrompt(sent.region)


def _check_prompt(prompt: PromptField, limits: Limits) -> None:
    """Refuse what is too much before anything is decoded."""
    if prompt.words is not None:
        _check_words(prompt.words, "prompt.words", limits)
    if prompt.icons is not None:
        _check_count(len(prompt.icons), "prompt.icons", limits)


def _check_words(words: Sequence[str], name: str, limits: Limits) -> None:
    _check_count(len(words), name, limits)
    for index, word in enumerate(words):
        if len(word) > limits.word_length:
            raise InvalidRequestError(
                f"`{name}[{index}]` has {len(word)} characters; at most {limits.word_length} are "
                "read."
            )


def _check_count(count: int, name: str, limits: Limits) -> None:
    if count > limits.prompt_items:
        raise TooManyItemsError(
            f"`{name}` has {count} items; at most {limits.prompt_items} are taken."
        )
