"""Asks a running service, over HTTP, as any caller would."""

import json
import mimetypes
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from labels.puzzles import Puzzle
from training.errors import EvaluationError

_TRIES = 5
_LONGEST_WAIT_S = 10.0

Part = tuple[str, tuple[str, bytes, str]]


class RemoteSolver:
    """Puts puzzles to `POST /solve` as multipart/form-data; the files are sent as they are.

    Args:
        url: URL of the service, without the path: `http://127.0.0.1:8000`.
        min_confidence: Below this the service abstains.
        timeout_s: For one answer.
    """

    def __init__(self, url: str, *, min_confidence: float = 0.0, timeout_s: float = 60.0) -> None:
        self._url = url.rstrip("/")
        self._options = json.dumps({"min_confidence": min_confidence})
        try:
            self._client = httpx.Client(base_url=self._url, timeout=timeout_s)
        except (httpx.InvalidURL, ValueError) as error:
            raise EvaluationError(f"{url!r} is not a URL ({error}).") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def __call__(self, puzzle: Puzzle, folder: Path) -> Mapping[str, object]:
        """The body of the answer, or of the problem.

        Raises:
            EvaluationError: nothing answers at the URL, or what answers is no such service.
        """
        data, files = _form(puzzle, folder)
        data["options"] = self._options
        response = self._send(data, files)
        if response is None:
            return {"code": "timeout", "detail": "The service did not answer in time."}
        try:
            body = response.json()
        except ValueError:
            body = None
        if response.status_code in (404, 405) or not isinstance(body, dict):
            raise EvaluationError(
                f"{self._url}/solve answered {response.status_code}, which no clickorder service "
                "does; give the URL that `clickorder serve` prints."
            )
        return body if response.status_code == 200 else {"status": response.status_code, **body}

    def _send(self, data: dict[str, str], files: list[Part]) -> httpx.Response | None:
        """None after a timeout; waits as told where the service is busy."""
        for attempt in range(1, _TRIES + 1):
            try:
                response = self._client.post("/solve", data=data, files=files)
            except httpx.TimeoutException:
                return None
            except (httpx.TransportError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
                raise EvaluationError(
                    f"No service answers at {self._url} ({error}); start one with "
                    "`clickorder serve`, or leave out --url to solve in this process."
                ) from error
            wait = response.headers.get("retry-after", "")
            if response.status_code not in (429, 503) or not wait.isdigit() or attempt == _TRIES:
                return response
            time.sleep(min(float(wait), _LONGEST_WAIT_S))
        raise AssertionError("the last try returns")


def _form(puzzle: Puzzle, folder: Path) -> tuple[dict[str, str], list[Part]]:
    files = [_part("background", folder, puzzle.background)]
    match puzzle.kind:
        case "words":
            return {"words": json.dumps(puzzle.prompt["words"], ensure_ascii=False)}, files
        case "region":
            return {"region": json.dumps(puzzle.region)}, files
        case "icons":
            return {}, files + [_part("icons", folder, name) for name in puzzle.icons]
        case _:
            return {}, [*files, _part("image", folder, str(puzzle.image))]


def _part(name: str, folder: Path, file: str) -> Part:
    media_type = mimetypes.guess_type(file)[0] or "application/octet-stream"
    try:
        return name, (Path(file).name, (folder / file).read_bytes(), media_type)
    except OSError as error:
        raise EvaluationError(f"The picture {folder / file} cannot be read ({error}).") from error
