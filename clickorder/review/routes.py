"""A page on this machine for reviewing labels: `create_review_app(folder)` and `run_review`.

It has no passwords, so it speaks to this machine only: the socket is loopback, the `Host` must be
loopback too (a name that an attacker points at 127.0.0.1 is refused), and what writes must bring
a header that a page from elsewhere cannot send without being asked for permission first.
"""

import contextlib
import io
import mimetypes
import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Self, TypeVar
from urllib.parse import quote

import uvicorn
from fastapi import APIRouter, FastAPI
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
from service.errors import (
    BadLabelsError,
    ForeignRequestError,
    LabelsChangedError,
    LabelsDoubtfulError,
    NothingHereError,
    PictureNotFoundError,
    SaveFailedError,
)
from service.http.middleware import BodyLimit, RequestContext
from service.problems import install_handlers, problem_of
from service.security.hosts import LOOPBACK_NAMES, hostname
from service.settings import Log
from service.telemetry.logs import configure_logging

PAGE = Path(__file__).resolve().parent / "review_page"
HEADER = "X-Clickorder-Review"

_READS = frozenset({"GET", "HEAD"})
_BODY_BYTES = 4 * 2**20

_JPEG_SUFFIXES = frozenset({".jpg", ".jpeg"})

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

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


class LoopbackOnly:
    """Refuses what does not come from the page itself, and forbids the page everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = _refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send_guarded)
        else:
            error = ForeignRequestError(refusal)
            await problem_of(error, scope)(scope, receive, send_guarded)


def create_review_app(folder: Path) -> FastAPI:
    """Make the app for one folder.

    Args:
        folder: With the pictures; nothing outside of it is ever served or written.

    Raises:
        LayoutError: it cannot be reviewed, and why.
    """
    app = FastAPI(title="clickorder labels review", openapi_url=None)
    app.state.review = Review(folder)
    app.include_router(router)
    install_handlers(app)
    app.add_middleware(BodyLimit, max_bytes=_BODY_BYTES)
    app.add_middleware(LoopbackOnly)
    app.add_middleware(RequestContext)  # added last, so outermost
    return app


def run_review(folder: Path, port: int, *, browser: bool = True) -> None:
    """Serve the page on 127.0.0.1 until SIGINT or SIGTERM.

    Args:
        folder: As for `create_review_app`.
        port: 0 takes a free one.
        browser: Whether to open the page in the user's browser.

    Raises:
        LayoutError: the folder cannot be reviewed, and why.
        OSError: the port cannot be opened.
    """
    app = create_review_app(folder)
    configure_logging(Log(level="warning", format="console"))
    with socket.socket() as listening:
        # So that a review can be started again at once; nobody else may listen there meanwhile.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        listening.listen()
        print(f"Review {folder} on {address} (Ctrl+C ends; everything is saved).", flush=True)
        if browser:
            # The socket listens already, so the page comes as soon as the server is up.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=2,
            )
        )
        # uvicorn raises the signal again after it has shut down in good order.
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listening])


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


@router.get("/{name:path}")
def show_page(name: str) -> Response:
    """A file of the page itself."""
    file = PAGE / (name or "index.html")
    # A name and nothing else: files of the page lie in no folders.
    if "/" in name or "\\" in name or not file.is_file() or name.startswith("."):
        raise NothingHereError(f"There is no `/{name[:60]}` here; the page is at `/`.")
    kind, _ = mimetypes.guess_type(file.name)
    return FileResponse(file, headers={"Cache-Control": "no-cache"}, media_type=kind)


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


def _refusal(scope: Scope) -> str | None:
    """Why a request is refused; None where it comes from the page or from a person."""
    headers = Headers(scope=scope)
    hosts = headers.getlist("host")
    if len(hosts) != 1 or hostname(hosts[0]) not in LOOPBACK_NAMES:
        return (
            f"The host {', '.join(hosts)[:60]!r} is not this machine; open the page as "
            "http://127.0.0.1 with its port."
        )
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{hosts[0]}":
        return f"The origin {origin[:60]!r} is not this page; open the page itself."
    site = headers.get("sec-fetch-site", "none")
    if site not in ("same-origin", "none") and headers.get("sec-fetch-mode") != "navigate":
        return "Another site asks for this; open the page itself."
    if scope["method"] not in _READS and HEADER not in headers:
        return f"What writes must have the header {HEADER}, which only the page sends."
    return None
