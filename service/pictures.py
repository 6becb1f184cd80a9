"""From the bytes of a request to a picture as a person sees it.

Browsers are the yardstick: orientation from EXIF, transparency on a ground, 16-bit values scaled,
CMYK inverted as Adobe writes it. Colour profiles and gamma are ignored, because the pictures of a
puzzle are compared with each other and not with a swatch.
"""

import binascii
import io

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from service.errors import BadBase64Error, BadPictureError, PictureTooLargeError, ServiceError
from service.settings import Limits

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")

_MAGIC = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"RIFF": "WebP",
    b"GIF8": "GIF",
    b"BM": "BMP",
}

_MAX_JPEG_SCANS = 100
"""Encoders write about 10 scans; a few bytes each are enough to keep a decoder busy for minutes."""

_SPACES = b" \t\r\n\f\v"

_WHITE, _DARK = 255.0, 32.0
_NEARLY_WHITE = 224
"""A pixel whose darkest channel reaches this can hardly be told from a white ground."""
_WHITE_SHARE = 0.95
_CLEAR_SHARE = 0.05

# EXIF 2.32, tag 0x0112: what to do with the stored picture to see it upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_base64(text: str, name: str = "picture") -> bytes:
    """Decode base64 or a base64 `data:` URL.

    ASCII whitespace is skipped; everything else is strict: the standard alphabet, with padding.

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
        return binascii.a2b_base64(text.encode("ascii").translate(None, _SPACES), strict_mode=True)
    except ValueError as error:  # binascii.Error and UnicodeEncodeError are ValueErrors
        raise BadBase64Error(
            f"`{name}` is not base64; send the bytes of the picture in standard base64 with "
            "padding, or a base64 data: URL."
        ) from error


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
    if not data:
        raise BadPictureError(f"`{name}` is empty; send the bytes of a picture.")
    if data[:2] == b"\xff\xd8" and data.count(b"\xff\xda") > _MAX_JPEG_SCANS:
        raise BadPictureError(
            f"`{name}` is a JPEG of more than {_MAX_JPEG_SCANS} scans; save it again as an "
            "ordinary JPEG."
        )
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name, limits) from error
    except Exception as error:  # Pillow raises a dozen kinds on damaged headers
        raise _undecodable(data, name) from error
    with image:
        try:
            _check_header(image, limits, name)
            return _seen(image)
        except ServiceError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise _too_large(name, limits) from error
        except Exception as error:  # and another dozen on damaged or missing pixels
            raise _undecodable(data, name) from error


def _check_header(image: Image.Image, limits: Limits, name: str) -> None:
    width, height = image.size
    if width * height > limits.pixels:
        raise _too_large(name, limits, image.size)
    if min(width, height) < limits.min_side_px:
        raise BadPictureError(
            f"`{name}` is {width}x{height} pixels; the smaller side must be at least "
            f"{limits.min_side_px}."
        )
    # An MPO file is a photo with its thumbnail or its second eye behind it, not an animation.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise BadPictureError(
            f"`{name}` is an animated {image.format}; send the one frame that is to be solved."
        )


def _undecodable(data: bytes, name: str) -> BadPictureError:
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            return BadPictureError(
                f"`{name}` is a {kind} file that is cut off or damaged; send the whole file."
            )
    return BadPictureError(
        f"`{name}` is not a picture that can be read; send a PNG, JPEG, WebP, GIF or BMP file."
    )


def _too_large(
    name: str, limits: Limits, size: tuple[int, int] | None = None
) -> PictureTooLargeError:
    has = f"is {size[0]}x{size[1]} pixels" if size else "has far too many pixels"
    return PictureTooLargeError(
        f"`{name}` {has}; at most {limits.pixels} pixels are decoded, so send it smaller."
    )


def _seen(image: Image.Image) -> NDArray[np.uint8]:
    """Decode the first frame to `(H, W, 3)` uint8 RGB, upright and opaque."""
    image.load()
    # Not Image.getexif(): that one also believes XMP, which browsers do not.
    orientation = _orientation(image.info.get("exif"))
    rgb, alpha = _rgb_and_alpha(image)
    if alpha is not None:
        rgb = _on_ground(rgb, alpha)
    if orientation in _UPRIGHT:
        rgb = np.asarray(Image.fromarray(rgb).transpose(_UPRIGHT[orientation]))
    return np.ascontiguousarray(rgb)


def _orientation(exif: bytes | None) -> int:
    if not exif:
        return 1
    tags = Image.Exif()
    try:
        tags.load(exif)
        return int(tags.get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a damaged tag does not stop a person from seeing the picture
        return 1


def _rgb_and_alpha(image: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Split a loaded picture of any mode.

    Returns:
        `(H, W, 3)` uint8 RGB and, where the picture can be seen through, `(H, W)` uint8 alpha.
    """
    key = image.info.get("transparency")
    if image.mode in ("I;16", "I"):
        # 16-bit grey; Pillow's own conversion to 8 bit clips.
        values = np.asarray(image).astype(np.uint32).clip(0, 65_535)
        grey = ((values + 128) // 257).astype(np.uint8)
        rgb = np.repeat(grey[..., None], 3, axis=2)
        opaque = None if key is None else np.where(values == key, 0, 255).astype(np.uint8)
        return rgb, opaque
    if image.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        # A 16-bit colour key, while Pillow has kept the upper 8 bits of the pixels.
        image.info["transparency"] = tuple(value >> 8 for value in key)
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        return rgba[..., :3], rgba[..., 3]
    return np.asarray(image.convert("RGB")), None


def _on_ground(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay a transparent picture on white, or on a dark ground where white would swallow it.

    Args:
        rgb: `(H, W, 3)` uint8, not multiplied by alpha.
        alpha: `(H, W)` uint8, 255 is opaque.
    """
    cover = alpha.astype(np.float32)[..., None] / 255
    seen = float(cover.sum())
    white = float(cover[rgb.min(axis=2) >= _NEARLY_WHITE].sum())
    # A white page with rounded corners stays a white page: some of the picture must be clear.
    clear = float((alpha < 128).mean())
    swallowed = seen > 0 and white >= _WHITE_SHARE * seen and clear >= _CLEAR_SHARE
    ground = _DARK if swallowed else _WHITE
    return np.rint(rgb * cover + ground * (1 - cover)).astype(np.uint8)
