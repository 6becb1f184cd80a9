"""Puzzles: what is drawn of one, and the families that draw them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from numpy.random import Generator
from PIL import Image

from training.synthetic.clutter import encode
from training.synthetic.errors import GenerateError
from training.synthetic.ingredients.palette import Ingredient, Palette
from training.synthetic.layers import Box
from training.synthetic.scenes import Placed

PromptKind = Literal["words", "icons", "image", "region"]

_ATTEMPTS = 40


@dataclass(frozen=True, slots=True)
class Drawn:
    """One puzzle, drawn.

    Attributes:
        picture: The background, mode `RGB`, not yet compressed.
        prompt_pictures: The prompt's own pictures, encoded; none for words and regions.
        kind: Kind of the prompt.
        region: Where the prompt lies in the background, in its pixels, end exclusive; None for
            other kinds of prompts.
        words: What to click, in order.
        targets: Their boxes, `x1, y1, x2, y2` in background pixels, end exclusive.
        distractors: Boxes of the items that are not asked for.
        prompt_boxes: Boxes of the items of a prompt picture in order, in its pixels (for regions in
            background pixels); none for words and icons.
        placed: The items on the background, targets first.
        meta: How it was drawn; goes into the puzzle set.
    """

    picture: Image.Image
    prompt_pictures: tuple[bytes, ...]
    kind: PromptKind
    region: Box | None
    words: tuple[str, ...]
    targets: tuple[Box, ...]
    distractors: tuple[Box, ...]
    prompt_boxes: tuple[Box, ...]
    placed: tuple[Placed, ...]
    meta: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of puzzle.

    Attributes:
        name: Its name on the command line, in file names and in puzzle sets: letters, digits,
            `-` and `_`.
        prompt: Kind of its prompt.
        needs: Ingredients without which it cannot be drawn.
        draw: Draws one puzzle from the ingredients of one split; None where the items did not fit
            the picture, and it is then called again. The generator is the only source of
            randomness.
    """

    name: str
    prompt: PromptKind
    needs: tuple[Ingredient, ...]
    draw: Callable[[Palette, Generator], Drawn | None]


def draw_puzzle(family: Family, palette: Palette, rng: Generator) -> Drawn:
    """Draw one puzzle.

    Args:
        family: What to draw.
        palette: Ingredients of one split, with those that the family needs.
        rng: The only source of randomness: the same state draws the same puzzle.

    Raises:
        GenerateError: no attempt fitted its picture, or the family draws another kind of prompt
            than it names.
    """
    for _ in range(_ATTEMPTS):
        drawn = family.draw(palette, rng)
        if drawn is None:
            continue
        if drawn.kind != family.prompt:
            raise GenerateError(
                f"The family {family.name} draws a prompt of the kind {drawn.kind!r}; set its "
                f"prompt to that instead of {family.prompt!r}."
            )
        return drawn
    raise GenerateError(
        f"No puzzle of the family {family.name} fitted its picture in {_ATTEMPTS} attempts; use "
        "larger pictures, or fewer or smaller items."
    )


def encode_background(drawn: Drawn, rng: Generator) -> tuple[bytes, str]:
    """Compress a drawn background; see `clutter.encode`."""
    return encode(drawn.picture, rng)
