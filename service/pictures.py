"""From what a request carries to a picture: base64, limits, and sentences for the caller.

The decoding itself is `modelfile.decode_picture`, as everywhere in this project.
"""

import binascii

import numpy as np
from numpy.typing import NDArray

import modelfile
from modelfile import PictureError, PictureFault
from modelfile.picture import WEB_FORMATS
from service.errors import BadBase64Error, BadPictureError, PictureTooLargeError
from service.settings import Limits

_SPACES = b" \t\r\n\f\v"

_ADVICE = {
    PictureFault.EMPTY: "send the bytes of a picture",
    PictureFault.UNKNOWN: "send a PNG, JPEG, WebP, GIF or BMP file",
    PictureFault.DAMAGED: "send the whole file",
    PictureFault.SCANS: "save it again as an ordinary JPEG",
    PictureFault.ANIMATED: "send the one frame that is to be solved",
    PictureFault.TOO_LARGE: "at most {pixels} pixels are decoded, so send it smaller",
    PictureFault.TOO_SMALL: "the smaller side must be at least {side}",
}


def decode_base64(text: str, name: str = "picture") -> bytes:
    """Decode base64 or a base64 `data:` URL.

    ASCII whitespace is skipped, and spaces where a `+` was lost are that again; everything else is
    strict: the standard alphabet, with padding.

    Args:
        text: What the caller sent.
        name: The field it came in, for the sentence of the error.

    Raises:
        BadBase64Error: it is neither.
    """
    head, comma, rest = text.partition(",")
    if head.lstrip()[:5].lower() == "data:":
        if not comma or not head.rstrip().lower().endswith(";base64"):
            raise BadBase64Error(
                f"`{name}` is a data: URL without base64 in it; send `data:image/png;base64,...`."
            )
        text = rest
    try:
        return binascii.a2b_base64(
            _with_plus(text).encode("ascii").translate(None, _SPACES), strict_mode=True
        )
    except ValueError as error:  # binascii.Error and UnicodeEncodeError are ValueErrors
        raise BadBase64Error(
            f"`{name}` is not base64; send the bytes of the picture in standard base64 with "
            "padding, or a base64 data: URL."
        ) from error


def _with_plus(text: str) -> str:
    """Base64 with the `+` that a form or an address has turned into spaces.

    Spaces that wrap lines stand between parts of one length; all others were a `+` once.
    """
    if " " not in (inner := text.strip()):
        return text
    *lines, last = inner.split(" ")
    wrapped = len({len(line) for line in lines}) == 1 and len(lines[0]) >= max(4, len(last))
    return text if wrapped else inner.replace(" ", "+")


def decode_picture(data: bytes, limits: Limits, name: str = "picture") -> NDArray[np.uint8]:
    """Decode one picture as a person sees it.

    Args:
        data: A PNG, JPEG, WebP, GIF or BMP file of one frame.
        limits: Limits on pixels and on the smaller side, checked before anything is decoded.
        name: The field it came in, for the sentence of an error.

    Returns:
        `(H, W, 3)` uint8 RGB, upright. Coordinates of answers are pixels of this array.

    Raises:
        BadPictureError: not such a file, cut off, damaged, animated, or too small.
        PictureTooLargeError: more pixels than allowed.
    """
    try:
        return modelfile.decode_picture(
            data, formats=WEB_FORMATS, max_pixels=limits.pixels, min_side_px=limits.min_side_px
        )
    except PictureError as error:
        advice = _ADVICE[error.fault].format(pixels=limits.pixels, side=limits.min_side_px)
        large = error.fault is PictureFault.TOO_LARGE
        kind = PictureTooLargeError if large else BadPictureError
        raise kind(f"`{name}` {error.says}; {advice}.") from error
