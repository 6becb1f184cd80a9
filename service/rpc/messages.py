"""The messages of `clickorder.proto` as the requests and answers of the HTTP side, and back.

All of it runs in a worker, and the checks are those of `service.http.schemas`: what is refused
there is refused here, with the same code and the same sentence.
"""

from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from service import use_cases
from service.errors import BadRequestBodyError
from service.execution import Job
from service.http.bodies import check_fields
from service.http.schemas import NamesQuery, ReadRequest, SolveRequest
from service.rpc import clickorder_pb2 as pb
from service.solving.answers import Reason
from service.uploads import Upload

T = TypeVar("T", bound=Message)

REASONS: dict[Reason | None, pb.Reason] = {
    None: pb.REASON_UNSPECIFIED,
    "missed_target": pb.REASON_MISSED_TARGET,
    "ambiguous": pb.REASON_AMBIGUOUS,
    "low_confidence": pb.REASON_LOW_CONFIDENCE,
    "empty_prompt_image": pb.REASON_EMPTY_PROMPT_IMAGE,
    "missing_target": pb.REASON_MISSING_TARGET,
}


def parse(data: bytes, message: type[T]) -> T:
    """A message as it came.

    Raises:
        BadRequestBodyError: the bytes are no such message.
    """
    try:
        return message.FromString(data)
    except DecodeError as error:
        raise BadRequestBodyError(
            f"The message is no {message.DESCRIPTOR.full_name}; make the client from "
            "clickorder.proto again."
        ) from error


def solve(job: Job, sent: pb.SolveRequest) -> pb.SolveResponse:
    """The answer to one puzzle, in a worker; raises what is in `service.errors`."""
    # Before every word is looked at: millions of empty ones fit into a message.
    use_cases.check_count(len(sent.prompt.words.words), "prompt.words", job.limits)
    use_cases.check_count(len(sent.prompt.icons.pictures), "prompt.icons", job.limits)
    fields = _route(sent) | {
        "prompt": _prompt(sent.prompt),
        "options": {
            "draw": sent.options.draw,
            **{
                name: getattr(sent.options, name)
                for name in ("min_confidence", "confidence", "iou", "effort", "deadline_ms")
                if sent.options.HasField(name)
            },
        },
    }
    if sent.background:
        fields["background"] = sent.background
    checked = check_fields(fields, SolveRequest)
    found = use_cases.solve(job, checked.puzzle, checked.route, **checked.options.model_dump())
    answer = found.answer
    return pb.SolveResponse(
        solved=answer.solved,
        reason=REASONS[answer.reason],
        confidence=answer.confidence,
        clicks=[
            pb.Click(
                x=c.x,
                y=c.y,
                box=_box(c.box),
                label=c.label,
                confidence=c.confidence,
                name=c.name,
            )
            for c in answer.clicks
        ],
        boxes=[
            pb.DetectedBox(box=_box(b.box), confidence=b.confidence, class_name=b.class_name)
            for b in answer.boxes
        ],
        image=pb.Size(width=answer.width, height=answer.height),
        models=job.models(*answer.models),
        timings_ms=job.timings_ms(),
        request_id=job.request_id,
        drawing=found.drawing,
    )


def read(job: Job, sent: pb.ReadRequest) -> pb.ReadResponse:
    """The text of one picture, in a worker; raises what is in `service.errors`."""
    fields = _route(sent)
    if sent.image:
        fields["image"] = sent.image
    if sent.HasField("charset"):
        fields["charset"] = sent.charset
    if sent.HasField("color"):
        fields["color"] = sent.color
    if sent.HasField("length"):
        least, greatest = sent.length.least, sent.length.greatest
        fields["length"] = least if least == greatest else [least, greatest]
    checked = check_fields(fields, ReadRequest)
    image = Upload(checked.image, "image")
    reading = use_cases.read(job, image, checked.route, **checked.restrictions)
    return pb.ReadResponse(
        text=reading.text,
        confidence=reading.confidence,
        characters=[pb.Character(char=c, confidence=share) for c, share in reading.characters],
        models=job.models("text"),
        timings_ms=job.timings_ms(),
        request_id=job.request_id,
    )


def names(job: Job, sent: pb.NamesRequest) -> pb.NamesResponse:
    """Things that words can name, in a worker; raises what is in `service.errors`."""
    fields = _route(sent) | {"q": sent.q}
    if sent.HasField("limit"):
        fields["limit"] = sent.limit
    checked = check_fields(fields, NamesQuery)
    found = use_cases.find_names(job, checked.q, checked.limit, checked.route)
    return pb.NamesResponse(
        names=[
            pb.Name(id=t.id, names={lang: pb.NameList(names=own) for lang, own in t.names.items()})
            for t in found.things
        ],
        total=found.total,
    )


def _route(sent: pb.SolveRequest | pb.ReadRequest | pb.NamesRequest) -> dict[str, Any]:
    """What the caller says of the bundle; a field that is set but empty is not left out."""
    fields: dict[str, Any] = {}
    if sent.HasField("model"):
        fields["model"] = sent.model
    if sent.HasField("site"):
        fields["site"] = sent.site
    if sent.HasField("type"):
        fields["type"] = sent.type
    return fields


def _prompt(sent: pb.Prompt) -> dict[str, Any]:
    counted = {}
    if sent.HasField("count"):
        counted = {"count": [sent.count.least, sent.count.greatest]}
    return _kind(sent) | counted


def _kind(sent: pb.Prompt) -> dict[str, Any]:
    match sent.WhichOneof("kind"):
        case "words":
            return {"words": list(sent.words.words)}
        case "icons":
            return {"icons": list(sent.icons.pictures)}
        case "image":
            return {"image": sent.image}
        case "region":
            region = sent.region
            return {"region": (region.x1, region.y1, region.x2, region.y2)}
        case "text":
            return {"text": sent.text}
    return {}


def _box(box: tuple[int, int, int, int]) -> pb.Box:
    x1, y1, x2, y2 = box
    return pb.Box(x1=x1, y1=y1, x2=x2, y2=y2)
