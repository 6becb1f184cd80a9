"""The documentation at `/docs`: Swagger UI, out of a package and not off the internet.

FastAPI's own page loads its scripts from a CDN. The package `fastapi-offline` brings the same
files along; nothing of its code is imported.
"""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from modelfile import packaged_file
from service.errors import NothingHereError
from service.pages.page import HEADERS, PageFile, answer_file

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>clickorder: HTTP API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<script src="docs/swagger-ui-bundle.js" defer></script>
<script src="docs/start.js" defer></script>
</head>
<body><div id="api"></div></body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
});
"""
_SCRIPT, _STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
_HEADERS = HEADERS | {
    # Swagger UI writes styles into the page as it draws, and icons as data: URLs.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


def docs_router() -> APIRouter:
    """The routes `/docs` and `/docs/...`; the files are read at the first request for one."""
    files = {
        "": PageFile.of(_PAGE.encode(), "text/html; charset=utf-8"),
        "start.js": PageFile.of(_START.encode(), _SCRIPT),
    }
    packaged = {"swagger-ui-bundle.js": _SCRIPT, "swagger-ui.css": _STYLE}
    router = APIRouter(include_in_schema=False)

    @router.api_route("/docs", methods=["GET", "HEAD"])
    async def show_docs(request: Request) -> Response:
        return answer_file(request, files[""], _HEADERS)

    @router.api_route("/docs/{name}", methods=["GET", "HEAD"])
    def show_file(request: Request, name: str) -> Response:
        if name not in files and name in packaged:
            found = packaged_file("fastapi_offline", f"static/{name}")
            files[name] = PageFile.of(found.path.read_bytes(), packaged[name])
        if name not in files:
            raise NothingHereError(f"There is no `/docs/{name[:60]}` here.")
        return answer_file(request, files[name], _HEADERS)

    return router
