"""What the review page asks: the list of pictures, their pixels, their labels, and saving them."""

import io
from collections.abc import Callable
from typing import Annotated, Self, TypeVar
from urllib.parse import quote

from fastapi import APIRouter
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from clickorder.review.errors import (
    BadLabelsError,
    LabelsChangedError,
    LabelsDoubtfulError,
    PictureNotFoundError,
    SaveFailedError,
)
from labels.annotations import LabelledBox
from labels.errors import (
    ChangedLabelsError,
    DoubtfulLabelsError,
    LabelsError,
    UnknownPictureError,
)
from labels.pictures import UNREADABLE, load_rgb, unreadable
from labels.review import Review, Sheet
from modelfile import picture_format

_JPEG_SUFFIXES = frozenset({".jpg", ".jpeg"})

T = TypeVar("T")
Pixels = Annotated[float, Field(allow_inf_nan=False)]

router = APIRouter()


class BoxIn(BaseModel):
    """A box as the page sends it, in pixels of the picture as displayed."""

    model_config = ConfigDict(extra="forbid")

    box: tuple[Pixels, Pixels, Pixels, Pixels]
    label: str
    order: Annotated[int, Field(ge=0)] | None = None


class SaveIn(BaseModel):
    """All boxes of a picture, and the version of those they replace."""

    model_config = ConfigDict(extra="forbid")

    boxes: Annotated[list[BoxIn], Field(max_length=10_000)]
    version: str
    replace_doubtful: bool = False


class MarkIn(BaseModel):
    """Whether a person has said that the labels are right."""

    model_config = ConfigDict(extra="forbid")

    reviewed: bool


class BoxShown(BoxIn):
    """A box as the page gets it."""

    confidence: float | None = None


class SheetOut(BaseModel):
    """One picture with its labels; `picture` is the address of its pixels."""

    name: str
    picture: str
    width: int
    height: int
    boxes: list[BoxShown]
    classes: list[str]
    version: str
    reviewed: bool
    doubts: list[str]

    @classmethod
    def of(cls, sheet: Sheet, classes: tuple[str, ...]) -> Self:
        """The JSON of a sheet."""
        changed = sheet.picture.path.stat().st_mtime_ns
        return cls(
            name=sheet.name,
            picture=f"pictures/{quote(sheet.name)}?v={changed}",
            width=sheet.picture.width,
            height=sheet.picture.height,
            boxes=[
                BoxShown(box=b.xyxy, label=b.label, order=b.order, confidence=b.confidence)
                for b in sheet.picture.boxes
            ],
            classes=list(classes),
            version=sheet.version,
            reviewed=sheet.reviewed,
            doubts=list(sheet.doubts),
        )


class EntryOut(BaseModel):
    """One line of the list."""

    name: str
    labelled: bool
    reviewed: bool
    certainty: float | None


class FolderOut(BaseModel):
    """The folder as a list."""

    folder: str
    classes: list[str]
    pictures: list[EntryOut]


@router.get("/api/pictures")
def list_pictures(request: Request) -> FolderOut:
    """The pictures of the folder."""
    review = _review(request)
    entries = _told(review.entries)
    return FolderOut(
        folder=str(review.folder),
        classes=list(_told(review.classes)),
        pictures=[
            EntryOut(name=e.name, labelled=e.labelled, reviewed=e.reviewed, certainty=e.certainty)
            for e in entries
        ],
    )


@router.get("/api/pictures/{name:path}")
def read_labels(request: Request, name: str) -> SheetOut:
    """The labels of a picture."""
    review = _review(request)
    return _told(lambda: SheetOut.of(review.read(name), review.classes()))


@router.put("/api/pictures/{name:path}")
def save_labels(request: Request, name: str, sent: SaveIn) -> SheetOut:
    """Replace the labels of a picture."""
    review = _review(request)

    def save() -> SheetOut:
        boxes = [LabelledBox(*b.box, label=b.label, order=b.order) for b in sent.boxes]
        sheet = review.save(name, boxes, sent.version, replace_doubtful=sent.replace_doubtful)
        return SheetOut.of(sheet, review.classes())

    return _told(save)


@router.put("/api/reviewed/{name:path}")
def mark_reviewed(request: Request, name: str, sent: MarkIn) -> MarkIn:
    """Remember that a person has said that the labels are right, or take it back."""
    review = _review(request)
    _told(lambda: review.mark(name, reviewed=sent.reviewed))
    return sent


@router.get("/pictures/{name:path}")
def show_picture(request: Request, name: str) -> Response:
    """A PNG of a picture, as it is decoded everywhere; a photo is sent as it is.

    Browsers turn a JPEG as the decoder does, and it has no transparency; of the other formats they
    show animations, leave out TIFF, and lay white icons on white.
    """
    path = _told(lambda: _review(request).path_of(name))
    # The address names the time of the last change, so an old picture is never shown.
    headers = {"Cache-Control": "private, max-age=3600"}
    try:
        if path.suffix.lower() in _JPEG_SUFFIXES and picture_format(path) == "JPEG":
            return FileResponse(path, headers=headers, media_type="image/jpeg")
        shown = Image.fromarray(load_rgb(path))
    except UNREADABLE as error:
        raise BadLabelsError(unreadable(path, error).sentence) from error
    file = io.BytesIO()
    shown.save(file, "PNG", compress_level=1)
    return Response(file.getvalue(), headers=headers, media_type="image/png")


def _review(request: Request) -> Review:
    review: Review = request.app.state.review
    return review


def _told(work: Callable[[], T]) -> T:
    """Do `work`; errors of the labels become problems."""
    try:
        return work()
    except UnknownPictureError as error:
        raise PictureNotFoundError(str(error)) from error
    except ChangedLabelsError as error:
        raise LabelsChangedError(str(error)) from error
    except DoubtfulLabelsError as error:
        raise LabelsDoubtfulError(str(error)) from error
    except LabelsError as error:
        raise BadLabelsError(str(error)) from error
    except OSError as error:
        raise SaveFailedError(
            f"A file cannot be read or written ({error}); make room or give the right, then try "
            "again."
        ) from error
