"""What the caller asks for: the four kinds of prompt, decoded."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labels.pictures import composed
from service.solving.prompt_slots import Slots


@dataclass(frozen=True, slots=True)
class WordsPrompt:
    """The words to click, in order, composed (NFC) as all names of classes are."""

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(map(composed, self.words)))


@dataclass(frozen=True, slots=True)
class IconsPrompt:
    """One picture per item, in click order.

    Attributes:
        icons: `(h, w, 3)` uint8 RGB pictures.
    """

    icons: tuple[NDArray[np.uint8], ...]


@dataclass(frozen=True, slots=True)
class ImagePrompt:
    """One picture of the whole prompt, read left to right.

    Attributes:
        image: `(h, w, 3)` uint8 RGB.
        count: The least and the greatest number of items that it shows; None where nobody knows.
        slots: Where its items are; None where that is to be found out.
    """

    image: NDArray[np.uint8]
    count: tuple[int, int] | None = None
    slots: Slots | None = None


@dataclass(frozen=True, slots=True)
class RegionPrompt:
    """The prompt picture lies inside the background.

    Attributes:
        region: `x1, y1, x2, y2` in background pixels, `x2`/`y2` exclusive.
        count: The least and the greatest number of items that it shows; None where nobody knows.
        slots: Where its items are, in pixels of the region; None where that is to be found out.
    """

    region: tuple[int, int, int, int]
    count: tuple[int, int] | None = None
    slots: Slots | None = None


Prompt = WordsPrompt | IconsPrompt | ImagePrompt | RegionPrompt


def with_layout(
    prompt: Prompt, count: tuple[int, int] | None, slots: Slots | None = None
) -> Prompt:
    """The prompt with a number of items and their slots, where it is a picture.

    Args:
        prompt: As the caller sent it.
        count: Used where the prompt does not say how many items it has.
        slots: Used where the prompt does not have another number of items.
    """
    if not isinstance(prompt, ImagePrompt | RegionPrompt):
        return prompt
    wanted = prompt.count or count
    if slots and wanted and not wanted[0] <= len(slots.boxes) <= wanted[1]:
        slots = None
    return replace(prompt, count=wanted, slots=slots)
