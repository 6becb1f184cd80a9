"""The page at `/`: a person tries a puzzle in the browser, and sees the request that solved it.

The page is files and nothing else: it has no routes of its own to solve with, but sends what any
caller may send. Everything it loads comes from here, so that it works without the internet.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.errors import NothingHereError

FOLDER = Path(__file__).resolve().parent / "demo_page"

_INDEX = "index.html"
# Not `mimetypes`, which reads the tables of the machine: slim ones have none.
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
HEADERS = {
    # `blob:` is how a page shows a picture that a person has chosen.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Kept, but asked about each time: a module of an old version beside new ones would break.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of a page.

    Attributes:
        content: All of it.
        kind: Its media type.
        tag: `ETag` of the content; not of the time, which packages do not keep.
    """

    content: bytes
    kind: str
    tag: str

    @classmethod
    def of(cls, content: bytes, kind: str) -> Self:
        """A file with its tag."""
        return cls(content, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def page_router() -> APIRouter:
    """The routes `/` and `/page/...`; the files are read here, and never again.

    Only names that were found can be asked for, so no path leads out of the folder.
    """
    files = _read(FOLDER)
    index = files.pop(_INDEX)
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def show_page(request: Request) -> Response:
        return answer_file(request, index)

    @router.api_route("/page/{name:path}", methods=["GET", "HEAD"])
    async def show_file(request: Request, name: str) -> Response:
        if name not in files:
            raise NothingHereError(f"There is no `/page/{name[:60]}` here; the page is at `/`.")
        return answer_file(request, files[name])

    return router


def _read(folder: Path) -> dict[str, PageFile]:
    """The files of the page by their path below the folder; what is of no known kind is none."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in _KINDS and not path.name.startswith("."):
            files[path.relative_to(folder).as_posix()] = PageFile.of(
                path.read_bytes(), _KINDS[path.suffix]
            )
    return files


def answer_file(request: Request, file: PageFile, headers: Mapping[str, str] = HEADERS) -> Response:
    """The file, or 304 where the caller has it already."""
    headers = {**headers, "ETag": file.tag}
    known = request.headers.get("if-none-match", "")
    # RFC 9110: `W/` before a tag means nothing here, and proxies that compress add it.
    if known == "*" or file.tag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.kind)
