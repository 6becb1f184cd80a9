"""Puts puzzles to a running service; gives the body that it answers, as `clickorder.local` does."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from clickorder.client import AnswerTimeoutError, Client, Effort, ProblemError
from labels.puzzles import Box, PromptValue, Puzzle

_RETRIES = 4


class RemoteSolver:
    """The solver behind a URL.

    Args:
        url: URL of the service, without the path: `http://127.0.0.1:8000`.
        api_key: Where the service wants one; None for what CLICKORDER_API_KEY holds.
        min_confidence: Below this the service abstains; None leaves that to it.
        effort: When a second pass follows; None leaves that to the service.
        timeout_s: For one answer.
        where: `model`, `site` and `type` of the request.

    Raises:
        ClientError: the URL or the key cannot be one.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        min_confidence: float | None = None,
        effort: Effort | None = None,
        timeout_s: float = 60.0,
        where: Mapping[str, str | None] | None = None,
    ) -> None:
        self._client = Client(url, api_key=api_key, timeout_s=timeout_s, retries=_RETRIES)
        self._min_confidence = min_confidence
        self._effort = effort
        self._where = where or {}

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
            ClientError: nothing answers at the URL, what answers is no such service, or a picture
                cannot be read.
        """
        try:
            return self.solve(folder, puzzle.background, puzzle.prompt)
        except AnswerTimeoutError:
            return {"code": "timeout", "detail": "The service did not answer in time."}
        except ProblemError as error:
            return {"status": error.status, "code": error.code, "detail": error.detail}

    def solve(
        self, folder: Path, background: str, prompt: Mapping[str, PromptValue]
    ) -> dict[str, Any]:
        """The body of the answer; arguments as of `clickorder.local.LocalSolver.solve`.

        Raises:
            ClientError: there is no answer.
        """
        words = cast("tuple[str, ...] | None", prompt.get("words"))
        icons = cast("tuple[str, ...] | None", prompt.get("icons"))
        image = cast("str | None", prompt.get("image"))
        answer = self._client.solve(
            folder / background,
            words=words,
            icons=None if icons is None else [folder / icon for icon in icons],
            image=None if image is None else folder / image,
            region=cast("Box | None", prompt.get("region")),
            min_confidence=self._min_confidence,
            effort=self._effort,
            model=self._where.get("model"),
            site=self._where.get("site"),
            type=self._where.get("type"),
        )
        body = asdict(answer)
        del body["drawing"]
        body["clicks"], body["boxes"] = list(body["clicks"]), list(body["boxes"])
        return body
