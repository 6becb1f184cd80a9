r"""Names of folders for classes: one folder for each class, whatever the class is called.

Letters, digits, Chinese and most other characters stand for themselves. What some file system, or
a reader of such folders, would take for something else is written as in web addresses, `%3A` for a
colon: `% / \ : * ? " < > |`, every full stop, control characters, and at the start of a name an
underscore. So `bi:alarm` lies in `bi%3Aalarm`, and the name of any folder says its class exactly.

A folder whose name begins with an underscore holds no class: `_unnamed` has crops that nobody has
named yet, `_single` crops that resemble no other, `_sheets` overviews.
"""

import re

from labels.errors import AnnotationError
from labels.pictures import composed

UNNAMED = "_unnamed"
"""Folder of the crops whose label is only `item`."""

_ESCAPED = re.compile(r'[%/\\:*?"<>|.\x00-\x1f\x7f]|^_|^ | $')
_CODE = re.compile(r"%([0-9A-Fa-f]{2})")
_LONGEST = 255
"""Bytes that the common file systems allow a name to have."""


def folder_of_class(label: str) -> str:
    """The name of the folder of a class.

    Raises:
        AnnotationError: the name is too long for a folder.
    """
    name = _ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}", label)
    if len(name.encode()) > _LONGEST:
        raise AnnotationError(
            f"The class {label[:20]}... is too long to be the name of a folder; give it a shorter "
            "name."
        )
    return name


def class_of_folder(name: str) -> str:
    """The class whose pictures a folder holds.

    What was not escaped is taken as it is, so folders that somebody named by hand will do; letters
    with accents are composed, as a Mac does not.
    """
    return composed(_CODE.sub(lambda found: chr(int(found[1], 16)), name))


def holds_class(name: str) -> bool:
    """Whether a folder of this name holds pictures of a class."""
    return not name.startswith(("_", "."))
