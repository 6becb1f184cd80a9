"""`POST /read`: the text of a whole picture."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from service.execution import Job, run_job
from service.http.batch import Batch, batch_docs, batch_request_docs, stream_batch
from service.http.documentation import POST_PROBLEMS, request_docs
from service.http.responses import CharacterOut, ReadLine, ReadResponse
from service.http.schemas import ReadBatchRequest, ReadRequest
from service.models.bundle import TEXT

router = APIRouter()


def read_picture(job: Job, sent: ReadRequest) -> ReadResponse:
    """The text of one picture, in a worker; raises what is in `service.errors`."""
    with job.stage("decode"):
        image = job.picture(sent.image, "image")
    job.choose(sent, image, TEXT)
    with job.stage("read"):
        reading = job.solver.read_text(
            image, charset=sent.charset, length=sent.lengths, colour=sent.color
        )
    return ReadResponse(
        text=reading.text,
        confidence=reading.confidence,
        characters=[
            CharacterOut(char=char, confidence=share) for char, share in reading.characters
        ],
        models=job.models("text"),
        timings_ms=job.timings_ms(),
        request_id=job.request_id,
    )


@router.post(
    "/read",
    response_model=ReadResponse,
    summary="Read the text of a picture",
    responses=POST_PROBLEMS,
    openapi_extra=request_docs(ReadRequest),
)
async def read(request: Request) -> Response:
    """Read a whole picture of text, with a confidence for each character and for all of them.

    `charset` and `length` restrict what may be answered; `color` asks for the characters of one
    colour only, where the model has learnt to tell colours apart.
    """
    return await run_job(request, ReadRequest, read_picture)


@router.post(
    "/read/batch",
    summary="Read many pictures",
    response_class=StreamingResponse,
    responses=batch_docs(ReadLine),
    openapi_extra=batch_request_docs(ReadBatchRequest),
)
async def read_batch(request: Request) -> Response:
    """Read pictures and stream each text as soon as it is there, as `POST /solve/batch` does."""
    return await stream_batch(request, Batch("pictures", ReadRequest, read_picture))
