"""Solves in this process what would otherwise be sent to `POST /solve`; gives the same body."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import cast

import numpy as np
from numpy.typing import NDArray

from labels.puzzles import Box, PromptValue, Puzzle
from service.errors import BadPictureError, ServiceError
from service.models.backends import load_solver
from service.pictures import decode_picture
from service.settings import Settings
from service.solving.parts import Parts
from service.solving.prompts import IconsPrompt, ImagePrompt, Prompt, RegionPrompt, WordsPrompt
from service.solving.scoring import Evidence
from service.solving.tta import FIRST_PASS, Augmentation


class LocalSolver:
    """The service's solver without the service.

    Args:
        settings: Backend, model folder, threads and limits.
        min_confidence: Below this the solver abstains.

    Raises:
        ServiceError: the models of the backend are not installed.
    """

    def __init__(self, settings: Settings, *, min_confidence: float = 0.0) -> None:
        self._solver = load_solver(settings)
        self._limits = settings.limits
        self._min_confidence = min_confidence

    @property
    def models(self) -> Mapping[str, str]:
        """Role to name and version of every installed model."""
        return self._solver.models

    @property
    def parts(self) -> Parts:
        """The models, and what they are put together with."""
        return self._solver.parts

    def __call__(self, puzzle: Puzzle, folder: Path) -> Mapping[str, object]:
        """The body of the answer to a puzzle, or of the problem."""
        try:
            return self.solve(folder, puzzle.background, puzzle.prompt)
        except ServiceError as error:
            return {
                "status": error.status,
                "code": error.code,
                "title": error.title,
                "detail": str(error),
            }

    def evidence(
        self,
        puzzle: Puzzle,
        folder: Path,
        augmentation: Augmentation = FIRST_PASS,
        *,
        prompt: Prompt | None = None,
    ) -> Evidence:
        """What the models say of a puzzle at one pass; for fitting a calibration.

        Args:
            puzzle: Its background counts, and its prompt unless another is given.
            folder: What its file names are relative to.
            augmentation: What this pass runs the networks on besides.
            prompt: Asked in place of the puzzle's own.

        Raises:
            ServiceError: the service would answer with a problem.
        """
        image = self._picture(folder / puzzle.background, "background")
        return self._solver.evidence(image, prompt or self.prompt(puzzle, folder), augmentation)

    def prompt(self, puzzle: Puzzle, folder: Path) -> Prompt:
        """The prompt of a puzzle, its pictures decoded.

        Raises:
            ServiceError: a picture cannot be read.
        """
        return self._prompt(folder, puzzle.prompt)

    def background(self, puzzle: Puzzle, folder: Path) -> NDArray[np.uint8]:
        """The background of a puzzle, `(H, W, 3)` uint8 RGB.

        Raises:
            ServiceError: it cannot be read.
        """
        return self._picture(folder / puzzle.background, "background")

    def solve(
        self, folder: Path, background: str, prompt: Mapping[str, PromptValue]
    ) -> dict[str, object]:
        """The body of the answer.

        Args:
            folder: What the file names are relative to.
            background: File name of the picture to click on.
            prompt: As in a puzzle: one of words, icons, image, region.

        Raises:
            ServiceError: the service would answer with a problem.
        """
        start = perf_counter()
        image = self._picture(folder / background, "background")
        decoded = self._prompt(folder, prompt)
        decode_ms = (perf_counter() - start) * 1000
        answer = self._solver.solve(image, decoded, min_confidence=self._min_confidence)
        total_ms = (perf_counter() - start) * 1000
        body = asdict(answer)
        body["image"] = {"width": body.pop("width"), "height": body.pop("height")}
        # As by HTTP, a name is left out rather than null.
        body["clicks"] = [
            {key: value for key, value in click.items() if (key, value) != ("name", None)}
            for click in body["clicks"]
        ]
        body["boxes"] = list(body["boxes"])
        stages = {"decode": decode_ms, **answer.timings_ms, "total": total_ms}
        body["timings_ms"] = {stage: round(ms, 3) for stage, ms in stages.items()}
        return body

    def _prompt(self, folder: Path, prompt: Mapping[str, PromptValue]) -> Prompt:
        ((kind, value),) = prompt.items()
        match kind:
            case "words":
                return WordsPrompt(cast("tuple[str, ...]", value))
            case "icons":
                names = cast("tuple[str, ...]", value)
                return IconsPrompt(
                    tuple(
                        self._picture(folder / name, f"icons[{i}]") for i, name in enumerate(names)
                    )
                )
            case "image":
                return ImagePrompt(self._picture(folder / str(value), "image"))
            case _:
                return RegionPrompt(cast("Box", value))

    def _picture(self, path: Path, name: str) -> NDArray[np.uint8]:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadPictureError(f"{path} cannot be read ({error.strerror}).") from error
        return decode_picture(data, self._limits, name)
