"""A page on which invited people solve puzzles: `create_people_app` and `run_people`.

Answers are kept in a file beside the report: puzzle, whether it was solved, seconds, and mouse,
touch or keyboard. No names, addresses, times of day or cookies; the truth never leaves the server.
"""

import contextlib
import io
import json
import mimetypes
import random
import socket
import statistics
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import Headers

from labels.pictures import load_rgb
from labels.puzzles import Puzzle, PuzzleSet
from service.hosts import LOOPBACK_NAMES, hostname, is_loopback
from training.evaluation.scoring import areas_of, in_order
from training.evaluation.statistics import SolvedOf

PEOPLE_FILE = "people.jsonl"
HEADER = "X-Clickorder-People"
PAGE = Path(__file__).resolve().parent / "people_page"

_MOST_CLICKS = 40
_MOST_BODY_BYTES = 16_384
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Finite = Annotated[float, Field(allow_inf_nan=False)]


class AnswerIn(BaseModel):
    """One person's answer to one puzzle; no clicks where the person gave up."""

    model_config = ConfigDict(extra="forbid")

    puzzle: str
    clicks: Annotated[list[tuple[Finite, Finite]], Field(max_length=_MOST_CLICKS)]
    seconds: Annotated[Finite, Field(ge=0, le=86_400)]
    input: Literal["mouse", "touch", "keyboard"]


@dataclass(frozen=True, slots=True)
class People(SolvedOf):
    """How people did.

    Attributes:
        n: Answers.
        solved: Number of them that were solved.
        seconds: Median time of an answer.
        inputs: `mouse`, `touch` or `keyboard` to number of answers.
    """

    n: int
    solved: int
    seconds: float
    inputs: dict[str, int]


def read_people(file: Path) -> People | None:
    """What people have answered; None where nobody has.

    Raises:
        OSError: the file cannot be read.
    """
    rows = _rows(file)
    if not rows:
        return None
    return People(
        len(rows),
        sum(bool(row["solved"]) for row in rows),
        statistics.median(float(row["seconds"]) for row in rows),
        dict(Counter(str(row["input"]) for row in rows)),
    )


def _rows(file: Path) -> list[dict[str, str | float | bool]]:
    rows = []
    for line in file.read_text("utf-8").split("\n") if file.is_file() else []:
        # A line that a kill has cut off is an answer lost, and no reason to lose the others.
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and {"puzzle", "solved", "seconds", "input"} <= set(row):
                rows.append(row)
    return rows


def create_people_app(puzzles: PuzzleSet, file: Path, host: str = "127.0.0.1") -> FastAPI:
    """Make the app.

    Args:
        puzzles: With their truth.
        file: Gets a line an answer.
        host: Where it listens; on loopback only names of this machine are answered.
    """
    app = FastAPI(title="clickorder audit people", openapi_url=None)
    known = {puzzle.id: puzzle for puzzle in puzzles}
    writing = threading.Lock()

    @app.middleware("http")
    async def guard(request: Request, call_next):  # type: ignore[no-untyped-def]
        refusal = _refusal(request, is_loopback(host))
        response = JSONResponse({"detail": refusal}, 403) if refusal else await call_next(request)
        response.headers.update(_HEADERS)
        return response

    @app.get("/api/puzzles")
    def list_puzzles() -> list[str]:
        """Ids, those that were answered least first; those of equal number in random order."""
        counts = Counter(str(row["puzzle"]) for row in _rows(file))
        order = random.sample(list(known), len(known))
        return sorted(order, key=lambda one: counts[one])

    @app.get("/api/puzzles/{puzzle_id:path}")
    def show_puzzle(puzzle_id: str) -> Response:
        if (puzzle := known.get(puzzle_id)) is None:
            return JSONResponse({"detail": "There is no such puzzle."}, 404)
        at = list(known).index(puzzle_id)
        return JSONResponse(
            {
                "id": puzzle_id,
                "background": f"pictures/{at}/background",
                "words": list(puzzle.words) if puzzle.kind == "words" else [],
                "prompt": [f"pictures/{at}/{number}" for number in range(_prompts(puzzle))],
            }
        )

    @app.get("/pictures/{at}/{name}")
    def show_picture(at: int, name: str) -> Response:
        if not 0 <= at < len(known):
            return JSONResponse({"detail": "There is no such picture."}, 404)
        picture = _picture(puzzles, puzzles.puzzles[at], name)
        if picture is None:
            return JSONResponse({"detail": "There is no such picture."}, 404)
        return Response(picture, media_type="image/png")

    @app.post("/api/answers")
    def keep_answer(answer: AnswerIn) -> Response:
        if (puzzle := known.get(answer.puzzle)) is None:
            return JSONResponse({"detail": "There is no such puzzle."}, 404)
        row = {
            "puzzle": puzzle.id,
            "solved": in_order(puzzle.words, areas_of(puzzle), answer.clicks),
            "seconds": round(answer.seconds, 2),
            "input": answer.input,
        }
        with writing:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(row, ensure_ascii=False) + "\n")
        return Response(status_code=204)

    @app.get("/{name:path}")
    def show_page(name: str) -> Response:
        page = PAGE / (name or "index.html")
        if "/" in name or "\\" in name or name.startswith(".") or not page.is_file():
            return JSONResponse({"detail": "There is nothing here; the page is at /."}, 404)
        return FileResponse(page, media_type=mimetypes.guess_type(page.name)[0])

    return app


def run_people(puzzles: PuzzleSet, file: Path, host: str, port: int) -> None:
    """Serve the page until SIGINT or SIGTERM.

    Args:
        puzzles: As for `create_people_app`.
        file: The same.
        host: Address to listen on.
        port: 0 takes a free one.

    Raises:
        OSError: the port cannot be opened.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}/"
        print(f"{len(puzzles)} puzzles for people on {address} (Ctrl+C ends).", flush=True)
        app = create_people_app(puzzles, file, host)
        config = uvicorn.Config(
            app,
            loop="asyncio",  # as service.serve
            http="h11",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])


def _refusal(request: Request, loopback_only: bool) -> str | None:
    """Why a request is refused; None where it comes from the page or from a person."""
    headers: Headers = request.headers
    hosts = headers.getlist("host")
    if len(hosts) != 1 or (loopback_only and hostname(hosts[0]) not in LOOPBACK_NAMES):
        return "This host is not this machine; open the page as http://127.0.0.1 with its port."
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{hosts[0]}":
        return "Another site asks for this; open the page itself."
    if request.method not in ("GET", "HEAD"):
        if HEADER not in headers:
            return f"What writes must have the header {HEADER}, which only the page sends."
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length) > _MOST_BODY_BYTES:
            return f"An answer has at most {_MOST_BODY_BYTES} bytes."
    return None


def _prompts(puzzle: Puzzle) -> int:
    return len(puzzle.icons) if puzzle.kind == "icons" else int(puzzle.kind != "words")


def _picture(puzzles: PuzzleSet, puzzle: Puzzle, name: str) -> bytes | None:
    """A PNG of the background or of a part of the prompt; None where there is no such part."""
    files: Sequence[str] = [puzzle.image] if puzzle.image is not None else puzzle.icons
    if name == "background":
        pixels = load_rgb(puzzles.folder / puzzle.background)
    elif puzzle.kind == "region" and name == "0":
        x1, y1, x2, y2 = puzzle.region
        pixels = load_rgb(puzzles.folder / puzzle.background)[y1:y2, x1:x2]
    elif name.isdecimal() and int(name) < len(files):
        pixels = load_rgb(puzzles.folder / files[int(name)])
    else:
        return None
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG", compress_level=1)
    return data.getvalue()
