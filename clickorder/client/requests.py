"""How requests are put together, for both clients.

A function that ends in `_call` is a method of both: its arguments and its text are theirs. All of
them raise `BadArgumentError` for what cannot be sent.
"""

import base64
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, Literal, TypeAlias, TypeVar
from urllib.parse import quote, urlencode

from clickorder.client.answers import (
    Answer,
    BatchAnswer,
    Body,
    Bundle,
    Classification,
    Comparison,
    Detection,
    InstalledModels,
    Name,
    Reading,
)
from clickorder.client.errors import (
    BadArgumentError,
    problem_error,
)

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

Picture: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | Image"
"""A path, the bytes of a file, an open file, or a Pillow picture."""


Effort: TypeAlias = Literal["fast", "normal", "thorough"]


@dataclass(frozen=True, slots=True)
class BatchPuzzle:
    """One puzzle of a batch.

    Attributes:
        id: Comes back with its answer; each of a batch has its own.
        background: The picture to click on: a path, bytes, an open file or a Pillow picture.
        words: The words to click, in order. Exactly one of `words`, `text`, `icons`, `image`,
            `region`.
        icons: A picture of each item, in order.
        image: One picture of the whole prompt, read left to right.
        region: `x1, y1, x2, y2`: where the prompt is in the background; `x2`/`y2` exclusive.
        min_confidence: Below this the answer is an abstention, 0..1; None leaves that to the
            service.
        draw: Whether to send the background back with the numbered clicks.
        model: Name of the bundle that is to answer.
        site: Where the picture is from; bundles say what they serve.
        type: Which of the site's kinds of puzzle it is.
        text: A sentence that names the words: `请依次点击【花】【草】`, `Click in order: A7 K2`.
        count: With `image` or `region`: how many items it shows, or the least and the greatest
            number.
        confidence: Least score of a box, 0..1; None for the detector's own.
        iou: A box that overlaps a better one by more than this is dropped, 0..1; None for the
            detector's own.
        effort: `fast`, `normal` or `thorough`; None leaves that to the service.
        deadline_ms: How soon the answer is wanted, for which a second pass is left out.
    """

    id: str
    background: Picture
    words: Sequence[str] | None = None
    icons: "Sequence[Picture] | None" = None
    image: "Picture | None" = None
    region: tuple[int, int, int, int] | None = None
    min_confidence: float | None = None
    draw: bool = False
    model: str | None = None
    site: str | None = None
    type: str | None = None
    text: str | None = None
    count: int | tuple[int, int] | None = None
    confidence: float | None = None
    iou: float | None = None
    effort: Effort | None = None
    deadline_ms: int | None = None

    def body(self) -> dict[str, Any]:
        """The JSON body of `POST /solve`.

        Raises:
            BadArgumentError: a picture cannot be read.
        """
        prompt = {
            "words": _words(self.words),
            "text": self.text,
            "icons": _each(self.icons),
            "image": None if self.image is None else encode_picture(self.image, "image"),
            "region": None if self.region is None else [int(edge) for edge in self.region],
            "count": list(self.count) if isinstance(self.count, tuple) else self.count,
        }
        return {
            "background": encode_picture(self.background, "background"),
            "prompt": _given(**prompt),
            "options": {
                "draw": self.draw,
                **_given(
                    min_confidence=self.min_confidence,
                    confidence=self.confidence,
                    iou=self.iou,
                    effort=self.effort,
                    deadline_ms=self.deadline_ms,
                ),
            },
            **_route(self.model, self.site, self.type),
        }


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request and how its answer is read.

    Attributes:
        method: HTTP method.
        path: Below the service's URL.
        read: Makes the value of the JSON body.
        content: The body that is sent; None for none.
    """

    method: str
    path: str
    read: Callable[[Body], T]
    content: bytes | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Headers that describe the body."""
        return {} if self.content is None else {"Content-Type": "application/json"}


def solve_call(
    background: Picture,
    *,
    words: Sequence[str] | None = None,
    icons: "Sequence[Picture] | None" = None,
    image: "Picture | None" = None,
    region: tuple[int, int, int, int] | None = None,
    min_confidence: float | None = None,
    draw: bool = False,
    model: str | None = None,
    site: str | None = None,
    type: str | None = None,  # noqa: A002 - the field's name
    text: str | None = None,
    count: int | tuple[int, int] | None = None,
    confidence: float | None = None,
    iou: float | None = None,
    effort: Effort | None = None,
    deadline_ms: int | None = None,
) -> Call[Answer]:
    """Find the clicks of a puzzle; give exactly one of words, text, icons, image and region.

    Args:
        background: The picture to click on.
        words: The words to click, in order.
        icons: A picture of each item, in order.
        image: One picture of the whole prompt, read left to right.
        region: `x1, y1, x2, y2`: where the prompt is in the background, in pixels, `x2`/`y2`
            exclusive.
        min_confidence: Below this the answer is an abstention, 0..1; None leaves that to the
            service, 0 never abstains for want of confidence.
        draw: Whether to send the background back with the numbered clicks.
        model: Name of the bundle that is to answer.
        site: Where the picture is from; bundles say what they serve.
        type: Which of the site's kinds of puzzle it is.
        text: A sentence that names the words, quoted, bracketed or after a colon.
        count: With `image` or `region`: how many items it shows, where that is known, or the
            least and the greatest number.
        confidence: Least score of a box, 0..1; None for the detector's own.
        iou: A box that overlaps a better one by more than this is dropped, 0..1; None for the
            detector's own.
        effort: `fast` is one pass, `normal` takes a second one where the first is not sure,
            `thorough` wherever it is not nearly certain; None leaves that to the service.
        deadline_ms: How many milliseconds after the service took the request up the answer is
            wanted; a second pass that would take longer is left out.
    """
    puzzle = BatchPuzzle(
        "",
        background,
        words,
        icons,
        image,
        region,
        min_confidence,
        draw,
        model,
        site,
        type,
        text,
        count,
        confidence,
        iou,
        effort,
        deadline_ms,
    )
    return Call("POST", "/solve", Answer.of, _json(puzzle.body()))


def detect_call(
    image: Picture,
    *,
    model: str | None = None,
    site: str | None = None,
    type: str | None = None,  # noqa: A002
    confidence: float | None = None,
    iou: float | None = None,
) -> Call[Detection]:
    """Find everything clickable on a picture; `confidence` and `iou` as in `solve`."""
    body = {
        "image": encode_picture(image, "image"),
        **_route(model, site, type),
        **_given(confidence=confidence, iou=iou),
    }
    return Call("POST", "/detect", Detection.of, _json(body))


def classify_call(
    image: Picture,
    words: Sequence[str],
    *,
    model: str | None = None,
    site: str | None = None,
    type: str | None = None,  # noqa: A002
) -> Call[Classification]:
    """Say which of some words an item, cut out, is."""
    body = {
        "image": encode_picture(image, "image"),
        "words": _words(words),
        **_route(model, site, type),
    }
    return Call("POST", "/classify", Classification.of, _json(body))


def compare_call(
    first: Picture,
    second: Picture,
    *,
    model: str | None = None,
    site: str | None = None,
    type: str | None = None,  # noqa: A002
) -> Call[Comparison]:
    """Say how alike two items, cut out, are."""
    body = {
        "first": encode_picture(first, "first"),
        "second": encode_picture(second, "second"),
        **_route(model, site, type),
    }
    return Call("POST", "/compare", Comparison.of, _json(body))


def read_call(
    image: Picture,
    *,
    charset: str | None = None,
    length: int | tuple[int, int] | None = None,
    color: str | None = None,
    model: str | None = None,
    site: str | None = None,
    type: str | None = None,  # noqa: A002
) -> Call[Reading]:
    """Read a whole picture of text.

    Args:
        image: The picture.
        charset: Characters that may occur, or a preset as `numeric+upper`.
        length: How many there are, or the least and the greatest number.
        color: Read only the characters of this colour, as `red` or `#d01f2e`.
        model: Name of the bundle that is to read it.
        site: Where the picture is from.
        type: Which of the site's kinds it is.
    """
    body = {
        "image": encode_picture(image, "image"),
        **_given(charset=charset, length=length, color=color),
        **_route(model, site, type),
    }
    return Call("POST", "/read", Reading.of, _json(body))


def batch_call(puzzles: Iterable[BatchPuzzle]) -> tuple[Call[BatchAnswer], list[str]]:
    """`POST /solve/batch`, and the ids that are to come back.

    Raises:
        BadArgumentError: a picture cannot be read, or two puzzles have one id.
    """
    listed = list(puzzles)
    ids = [puzzle.id for puzzle in listed]
    if len(set(ids)) != len(ids):
        twice = next(each for each in ids if ids.count(each) > 1)
        raise BadArgumentError(
            f"Two puzzles of the batch have the id {twice!r}; give each its own."
        )
    body = {"puzzles": [{"id": puzzle.id, **puzzle.body()} for puzzle in listed]}
    return Call("POST", "/solve/batch", _batch_answer, _json(body)), ids


def models_call() -> Call[InstalledModels]:
    """Say which models are installed."""
    return Call("GET", "/models", InstalledModels.of)


def reload_call(name: str) -> Call[Bundle]:
    """Read a bundle from its folder again; needs an admin's key."""
    return Call("POST", f"/models/{quote(name, safe='')}/reload", Bundle.of)


def rollback_call(name: str) -> Call[Bundle]:
    """Go back to a bundle's version before; needs an admin's key."""
    return Call("POST", f"/models/{quote(name, safe='')}/rollback", Bundle.of)


def names_call(
    q: str = "",
    *,
    limit: int = 20,
    model: str | None = None,
    site: str | None = None,
    type: str | None = None,  # noqa: A002
) -> Call[tuple[Name, ...]]:
    """List the things that words of a prompt can name, best first.

    Args:
        q: A name, a part of one, or one with a typing error, in any language; empty lists all.
        limit: How many at most.
        model: Name of the bundle whose vocabulary is meant.
        site: Where the puzzles are from.
        type: Which of the site's kinds of puzzle they are.
    """
    query = urlencode({"q": q, "limit": limit} | _route(model, site, type))
    return Call("POST", f"/names?{query}", _names)


def encode_picture(picture: object, name: str) -> str:
    """Base64 of a picture's file.

    Args:
        picture: A path, the bytes of a file, an open binary file, or a Pillow picture.
        name: What it is for, in the sentence of an error.

    Raises:
        BadArgumentError: it is none of these, or cannot be read.
    """
    if isinstance(picture, bytes | bytearray | memoryview):
        return base64.b64encode(picture).decode("ascii")
    try:
        if isinstance(picture, str | os.PathLike):
            return encode_picture(Path(picture).read_bytes(), name)
        # Without Pillow in the process, nothing can be one of its pictures.
        pillow = sys.modules.get("PIL.Image")
        if pillow is not None and isinstance(picture, pillow.Image):
            file = io.BytesIO()
            picture.save(file, "PNG")
            return encode_picture(file.getvalue(), name)
        data = picture.read() if hasattr(picture, "read") else None
    except (OSError, ValueError) as error:
        what = picture if isinstance(picture, str | os.PathLike) else f"The picture of `{name}`"
        reason = getattr(error, "strerror", None) or error
        raise BadArgumentError(f"{what} cannot be read ({reason}).") from error
    if not isinstance(data, bytes):
        raise BadArgumentError(
            f"`{name}` is {type(picture).__name__}; give a path, the bytes of a picture, a file "
            "opened in binary mode, or a Pillow picture."
        )
    return encode_picture(data, name)


def _names(body: Body) -> tuple[Name, ...]:
    return tuple(Name.of(each) for each in body["names"])


def _batch_answer(line: Body) -> BatchAnswer:
    if line["status"] == 200:
        return BatchAnswer(line["id"], Answer.of(line["answer"]), None)
    return BatchAnswer(line["id"], None, problem_error(line["status"], line["problem"]))


def _route(model: str | None, site: str | None, type_: str | None) -> dict[str, object]:
    """The fields that say which bundle is to answer."""
    return _given(model=model, site=site, type=type_)


def _given(**fields: object) -> dict[str, object]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def _words(words: Sequence[str] | None) -> list[str] | None:
    if isinstance(words, str):
        raise BadArgumentError("`words` is one text; give a list with one text for each word.")
    return None if words is None else list(words)


def _each(icons: Sequence[object] | None) -> list[str] | None:
    if icons is None:
        return None
    return [encode_picture(icon, f"icons[{number}]") for number, icon in enumerate(icons)]


def _json(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise BadArgumentError(f"The request cannot be written as JSON ({error}).") from error
