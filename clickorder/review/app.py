"""The app of the review page: `create_review_app(folder)`.

It has no passwords, so it speaks to this machine only: the socket is loopback, the `Host` must be
loopback too (a name that an attacker points at 127.0.0.1 is refused), and what writes must bring
a header that a page from elsewhere cannot send without being asked for permission first.
"""

import os
from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from clickorder.review.routes import router
from labels.review import Review
from service.errors import ForeignRequestError, NothingHereError
from service.hosts import LOOPBACK_NAMES
from service.http.middleware import BodyLimit, RequestContext
from service.pages.page import FOLDER
from service.problems import install_handlers, problem_of
from service.security.caller import Caller
from service.security.guard import SecurityHeaders

PAGE = Path(__file__).resolve().parent / "page"
_LANGUAGE = FOLDER / "language.js"
HEADER = "X-Clickorder-Review"

_READS = frozenset({"GET", "HEAD"})
_BODY_BYTES = 4 * 2**20

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class LoopbackOnly:
    """Refuses what comes neither from the page itself nor from a person who opens it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        answer: ASGIApp = self._app
        if scope["type"] == "http":
            try:
                _check(scope)
            except ForeignRequestError as error:
                answer = problem_of(error, scope)
        await answer(scope, receive, send)


class PageFiles(StaticFiles):
    """The files of the page itself, asked about each time: they change with the version."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Path of a file; the choice of the language is the demo page's."""
        if path == _LANGUAGE.name:
            return str(_LANGUAGE), _LANGUAGE.stat()
        return super().lookup_path(path)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file at a path."""
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404:
                raise
            raise NothingHereError(
                f"There is no `{scope['path'][:60]}` here; the page is at `/`."
            ) from error
        response.headers["Cache-Control"] = "no-cache"
        return response


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
    app.mount("/", PageFiles(directory=PAGE, html=True))
    install_handlers(app)
    app.add_middleware(BodyLimit, max_bytes=_BODY_BYTES)
    app.add_middleware(LoopbackOnly)
    app.add_middleware(RequestContext)
    app.add_middleware(SecurityHeaders, more=_HEADERS)  # added last, so outermost
    return app


def _check(scope: Scope) -> None:
    """Let in what comes from the page or from a person.

    Raises:
        ForeignRequestError: it does not.
    """
    caller, headers = Caller.of(scope), Headers(scope=scope)
    if not caller.uses(LOOPBACK_NAMES):
        raise caller.unknown_host("open the page as http://127.0.0.1 with its port")
    if caller.origin not in (None, f"http://{caller.hosts[0]}"):
        raise caller.unknown_origin("is not this page; open the page itself")
    if caller.is_foreign and headers.get("sec-fetch-mode") != "navigate":
        raise caller.foreign_site()
    if scope["method"] not in _READS and HEADER not in headers:
        raise ForeignRequestError(
            f"What writes must have the header {HEADER}, which only the page sends."
        )
