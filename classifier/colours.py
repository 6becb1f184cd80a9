"""Names of colours, as people ask for them: "the red characters"."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from classifier.errors import UnknownColourError

Rgb = tuple[int, int, int]

_ENGLISH: Mapping[str, Rgb] = {
    "red": (220, 30, 30),
    "green": (30, 150, 50),
    "blue": (40, 70, 220),
    "yellow": (235, 205, 30),
    "orange": (245, 140, 20),
    "purple": (130, 40, 170),
    "pink": (240, 120, 170),
    "brown": (130, 80, 40),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "cyan": (30, 190, 210),
    "magenta": (215, 40, 190),
}
_SYNONYMS: Mapping[str, str] = {
    "gray": "grey", "violet": "purple",
    "红": "red", "绿": "green", "蓝": "blue", "黄": "yellow", "橙": "orange", "橘": "orange",
    "紫": "purple", "粉": "pink", "粉红": "pink", "棕": "brown", "褐": "brown", "咖啡": "brown",
    "黑": "black", "白": "white", "灰": "grey", "青": "cyan", "洋红": "magenta", "品红": "magenta",
}  # fmt: skip
_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})", re.ASCII)

COLOURS: Mapping[str, Rgb] = MappingProxyType(
    {**_ENGLISH, **{name: _ENGLISH[meant] for name, meant in _SYNONYMS.items()}}
)
"""A typical value of each name, English and Chinese, in sRGB 0..255."""


def rgb_of(name: str) -> Rgb:
    """The value of a colour that somebody named.

    Args:
        name: One of `COLOURS` in any case, a Chinese one with or without 色; or `#rrggbb`, `#rgb`.

    Raises:
        UnknownColourError: it is none of these.
    """
    asked = name.strip().lower()
    if _HEX.fullmatch(asked):
        digits = asked[1:] if len(asked) == 7 else "".join(2 * digit for digit in asked[1:])
        value = int(digits, 16)
        return value >> 16, value >> 8 & 255, value & 255
    found = COLOURS.get(asked) or COLOURS.get(asked.removesuffix("色"))
    if found is None:
        raise UnknownColourError(
            f"The colour {name!r} is not known; use one of {', '.join(_ENGLISH)}, or #rrggbb."
        )
    return found
