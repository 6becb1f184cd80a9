"""What `clickorder solve` is asked, and how its answer is told."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickorder.errors import UsageError
from labels.puzzles import Box, PromptValue, Puzzle, read_puzzles

_NUMBER = re.compile(r"\d{1,18}$")


@dataclass(frozen=True, slots=True)
class Question:
    """One picture and its prompt.

    Attributes:
        folder: What the file names are relative to.
        background: File name of the picture to click on.
        prompt: As in a puzzle: one of words, icons, image, region.
        truth: The puzzle it comes from, where it comes from one.
    """

    folder: Path
    background: str
    prompt: Mapping[str, PromptValue]
    truth: Puzzle | None = None

    @classmethod
    def of_puzzle(cls, reference: str) -> "Question":
        """The puzzle that `SET:ID` names.

        Raises:
            UsageError: the reference has no colon.
            PuzzleSetError: there is no such set, or no such puzzle in it.
        """
        folder, colon, puzzle_id = reference.rpartition(":")
        if not colon:
            raise UsageError(
                f"{reference!r} names no puzzle; give SET:ID, the folder and the puzzle's id."
            )
        puzzles = read_puzzles(Path(folder))
        known = [puzzle.id for puzzle in puzzles]
        if puzzle_id not in known and puzzle_id.isdecimal():
            # `SET:0001` or `SET:1` for text-words-00001: the number is what people remember.
            same = [
                i for i in known if (end := _NUMBER.search(i)) and int(end[0]) == int(puzzle_id)
            ]
            puzzle_id = same[0] if len(same) == 1 else puzzle_id
        puzzle = puzzles.find(puzzle_id)
        return cls(Path(folder), puzzle.background, puzzle.prompt, puzzle)

    @classmethod
    def of_options(
        cls,
        background: Path,
        words: Sequence[str] | None = None,
        icons: Sequence[Path] | None = None,
        image: Path | None = None,
        region: str | None = None,
    ) -> "Question":
        """The question that the options put; a word option may hold several, between commas.

        Raises:
            UsageError: not exactly one kind of prompt, or a region that is not four numbers.
        """
        prompt: dict[str, PromptValue] = {}
        if words:
            parts = [part.strip() for option in words for part in re.split("[,，]", option)]
            prompt["words"] = tuple(part for part in parts if part)
        if icons:
            prompt["icons"] = tuple(str(icon) for icon in icons)
        if image is not None:
            prompt["image"] = str(image)
        if region is not None:
            prompt["region"] = _corners(region)
        if len(prompt) != 1:
            raise UsageError(
                f"The prompt is {' and '.join(prompt) or 'missing'}; give exactly one of --words, "
                "--icon, --image, --region."
            )
        return cls(Path(), str(background), prompt)


def answer_lines(body: Mapping[str, Any]) -> list[str]:
    """An answer's body as lines for a person: the verdict, then one line a click."""
    verdict = "Solved" if body["solved"] else f"Not solved ({body['reason']}), the best attempt"
    total = body["timings_ms"]["total"]
    lines = [f"{verdict}: confidence {body['confidence']:.3f}, {total:.1f} ms."]
    for number, click in enumerate(body["clicks"], start=1):
        box = ",".join(map(str, click["box"]))
        label = f"  {click['label']}" if click["label"] is not None else ""
        name = f"  ({click['name']})" if click.get("name") is not None else ""
        lines.append(
            f"{number:3}.{label}{name}  x={click['x']} y={click['y']}  box {box}  "
            f"confidence {click['confidence']:.3f}"
        )
    return lines


def _corners(region: str) -> Box:
    try:
        x1, y1, x2, y2 = (int(number) for number in region.split(","))
    except ValueError as error:
        raise UsageError(
            f"The region {region!r} is not four whole numbers; give x1,y1,x2,y2."
        ) from error
    return x1, y1, x2, y2
