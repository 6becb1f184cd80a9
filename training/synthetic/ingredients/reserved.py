"""Ingredients reserved for the final test: no training, validation or benchmark picture has them.

The check is made twice, before a package is fetched and when the cache is opened, so that neither
an old cache nor a font installed on the machine brings in a reserved ingredient.
"""

import re
import unicodedata
from typing import Literal

Kind = Literal["font", "icon", "photo"]

# LXGW WenKai in any spelling. It was drawn from Klee, and Iansui was drawn from Klee too: a model
# that has seen them has seen most of the reserved design, so they stay out with it.
_FONT_MARKS = (
    "lxgw",
    "wenkai",
    "xiawuwenkai",
    "霞鹜",
    "霞鶩",
    "霞骛",
    "文楷",
    "klee",
    "クレー",
    "iansui",
    "芫荽",
)

# Font Awesome, its forks (Fork Awesome, Line Awesome), and bundles that hold it among others.
_ICON_MARKS = ("fontawesome", "fortawesome", "forkawesome", "lineawesome", "qtawesome")
_ICON_BUNDLES = ("@iconify/json", "react-icons", "mkdocs-material", "fontello")
_ICON_PREFIX = re.compile(r"(?:fa[bdlrst]?\d*|la[brs]?)(?:[-_].*)?")

_PHOTO_PACKAGES = ("mate-backgrounds", "plasma-workspace-wallpapers")
# Their pictures where they come without their package: the folder they install into, or the name.
_PHOTO_NAME = re.compile(r"(?:^|/)mate/|plasma", re.IGNORECASE)


def is_reserved(kind: Kind, package: str, name: str) -> bool:
    """Whether an ingredient must never be fetched or used.

    Args:
        kind: what the ingredient is used as.
        package: the package that ships it, with its scope, or "" where it comes from no package.
        name: font family, icon collection prefix, or picture path; "" asks about the whole package.
    """
    if kind == "photo":
        return package.startswith(_PHOTO_PACKAGES) or bool(_PHOTO_NAME.search(name))
    package_plain, name_plain = _plain(package), _plain(name)
    # The icon font is a font as well, and a font package may be listed under either kind.
    marks = (*_FONT_MARKS, *_ICON_MARKS)
    if any(mark in text for mark in marks for text in (package_plain, name_plain)):
        return True
    if kind == "font":
        return False
    tail = package.rsplit("/", 1)[-1].casefold()
    return (
        package.casefold() in _ICON_BUNDLES
        or bool(_ICON_PREFIX.fullmatch(tail))
        or bool(_ICON_PREFIX.fullmatch(name.casefold()))
    )


def _plain(text: str) -> str:
    """Letters and digits only, so that `LXGW WenKai`, `lxgw-wenkai` and `LXGWWenKai` are one."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())
