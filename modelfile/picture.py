"""The one decoder of pictures: from a file, or the bytes of one, to what a person sees.

The service, the readers of labels and the trainers all decode here, so that a picture has the same
pixels wherever it is opened. Browsers are the yardstick: orientation from EXIF, transparency on a
ground that keeps the content visible, 16-bit values scaled, CMYK inverted as Adobe writes it.
Colour profiles and gamma are ignored, because pictures are compared with each other and not with a
swatch.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from modelfile.errors import PictureError, PictureFault

U8 = NDArray[np.uint8]

WEB_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
"""What the service takes."""
FILE_FORMATS = (*WEB_FORMATS, "TIFF")
"""What is read from disk."""

_MAGIC = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"RIFF": "WEBP",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}

_MAX_JPEG_SCANS = 100
"""Encoders write about 10 scans; a few bytes each are enough to keep a decoder busy for minutes."""

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
_QUARTER_TURNED = (5, 6, 7, 8)


def decode_picture(
    source: bytes | Path,
    *,
    formats: tuple[str, ...] | None = FILE_FORMATS,
    max_pixels: int | None = None,
    min_side_px: int = 1,
    ground: tuple[int, int, int] | None = None,
    draft: tuple[int, int] | None = None,
) -> U8:
    """Decode one picture as a person sees it.

    Args:
        source: A file, or the bytes of one; it holds one frame.
        formats: Pillow's names of what is taken; None for all that Pillow reads.
        max_pixels: Checked before anything is decoded; None leaves it to Pillow's own limit.
        min_side_px: Min side px of the smaller side, checked before anything is decoded.
        ground: RGB under transparent parts; None for white, or a dark grey where white would
            swallow the picture.
        draft: `(width, height)` that is enough: a JPEG may be decoded smaller, but not below it.

    Returns:
        `(H, W, 3)` uint8 RGB, upright. Boxes and coordinates are pixels of this array.

    Raises:
        PictureError: not such a picture, cut off, damaged, animated, too large or too small.
        OSError: there is no such file, or it cannot be read.
    """
    data = source if isinstance(source, bytes) else source.read_bytes()
    if data[:2] == b"\xff\xd8" and data.count(b"\xff\xda") > _MAX_JPEG_SCANS:
        raise PictureError(PictureFault.SCANS, f"is a JPEG of more than {_MAX_JPEG_SCANS} scans")
    with _opened(data, formats) as image:
        _check_header(image, max_pixels, min_side_px)
        if draft is not None:
            image.draft("RGB", draft)
        return _seen(image, ground)


def displayed_size(source: bytes | Path) -> tuple[int, int]:
    """Width and height in pixels of what `decode_picture` returns; pixels are not decoded.

    Raises:
        PictureError: its head is that of no picture, or of an animation.
        OSError: there is no such file, or it cannot be read.
    """
    with _opened(source, FILE_FORMATS) as image:
        _check_header(image, None, 1)
        width, height = image.size
        turned = _orientation(image) in _QUARTER_TURNED
    return (height, width) if turned else (width, height)


def picture_format(source: bytes | Path) -> str:
    """Pillow's name of a picture's format by its content; pixels are not decoded.

    Raises:
        PictureError: its head is that of no picture.
        OSError: there is no such file, or it cannot be read.
    """
    with _opened(source, FILE_FORMATS) as image:
        return image.format or ""


@contextmanager
def _opened(source: bytes | Path, formats: tuple[str, ...] | None) -> Iterator[Image.Image]:
    """An open picture; whatever Pillow raises meanwhile becomes one error.

    Raises:
        PictureError: the head, or what is read of the picture later, is damaged.
        OSError: there is no such file, or it cannot be read.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    with stream:
        head = stream.read(4)
        stream.seek(0)
        if not head:
            raise PictureError(PictureFault.EMPTY, "is empty")
        try:
            with Image.open(stream, formats=formats) as image:
                yield image
        except PictureError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise PictureError(PictureFault.TOO_LARGE, "has far too many pixels") from error
        except Exception as error:  # Pillow raises a dozen kinds on damaged heads and pixels
            raise _undecodable(head, formats) from error


def _check_header(image: Image.Image, max_pixels: int | None, min_side_px: int) -> None:
    width, height = image.size
    if max_pixels is not None and width * height > max_pixels:
        raise PictureError(PictureFault.TOO_LARGE, f"is {width}x{height} pixels")
    if min(width, height) < min_side_px:
        raise PictureError(PictureFault.TOO_SMALL, f"is {width}x{height} pixels")
    # An MPO file is a photo with its thumbnail or its second eye behind it, not an animation.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        frames, kind = getattr(image, "n_frames", 2), image.format
        what = (
            f"is a TIFF of {frames} pages"
            if kind == "TIFF"
            else f"is an animated {kind} of {frames} frames"
        )
        raise PictureError(PictureFault.ANIMATED, f"{what}, of which only one can be meant")


def _undecodable(head: bytes, formats: tuple[str, ...] | None) -> PictureError:
    for magic, kind in _MAGIC.items():
        if head.startswith(magic) and (formats is None or kind in formats):
            name = "WebP" if kind == "WEBP" else kind
            says = f"is a {name} file that is cut off or damaged"
            return PictureError(PictureFault.DAMAGED, says)
    return PictureError(PictureFault.UNKNOWN, "is not a picture that can be read")


def _seen(image: Image.Image, ground: tuple[int, int, int] | None) -> U8:
    """Decode to `(H, W, 3)` uint8 RGB, upright and opaque."""
    orientation = _orientation(image)
    image.load()
    rgb, alpha = _rgb_and_alpha(image)
    if alpha is not None:
        rgb = _on_ground(rgb, alpha, ground)
    if orientation in _UPRIGHT:
        rgb = np.asarray(Image.fromarray(rgb).transpose(_UPRIGHT[orientation]))
    return np.ascontiguousarray(rgb)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation that is still to be applied.

    Not `Image.getexif()`: that one also believes XMP, which browsers do not, and names the
    orientation of a TIFF, which Pillow applies by itself.
    """
    exif = image.info.get("exif")
    if not exif:
        return 1
    tags = Image.Exif()
    try:
        tags.load(exif)
        return int(tags.get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a damaged tag does not stop a person from seeing the picture
        return 1


def _rgb_and_alpha(image: Image.Image) -> tuple[U8, U8 | None]:
    """Split a loaded picture of any mode.

    Returns:
        `(H, W, 3)` uint8 RGB and, where the picture can be seen through, `(H, W)` uint8 alpha.
    """
    key = image.info.get("transparency")
    if image.mode == "F" or image.mode.startswith("I"):
        # More than 8 bits of grey; Pillow's own conversion clips them to white.
        values = np.asarray(image)
        grey = _eight_bits(values)
        opaque = None if key is None else np.where(values == key, 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2), opaque
    if image.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        # A 16-bit colour key, while Pillow has kept the upper 8 bits of the pixels.
        image.info["transparency"] = tuple(value >> 8 for value in key)
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        return rgba[..., :3], rgba[..., 3]
    return np.asarray(image.convert("RGB")), None


def _eight_bits(values: NDArray[np.generic]) -> U8:
    """Grey values of 16 bits, or shares of white, as 8 bits.

    Args:
        values: `(H, W)`, integers of 0 to 65,535, or floats of 0 to 1 (0 to 255 where one is
            greater).
    """
    if values.dtype.kind == "f":
        shares = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
        most = 255.0 if shares.max(initial=0.0) <= 1 else 1.0
        rounded: U8 = np.rint((shares * most).clip(0, 255)).astype(np.uint8)
        return rounded
    whole = values.astype(np.int64).clip(0, 65_535)
    scaled: U8 = ((whole + 128) // 257).astype(np.uint8)
    return scaled


def _on_ground(rgb: U8, alpha: U8, ground: tuple[int, int, int] | None) -> U8:
    """Lay a transparent picture on a ground: white, or dark where white would swallow it.

    Args:
        rgb: `(H, W, 3)` uint8, not multiplied by alpha.
        alpha: `(H, W)` uint8, 255 is opaque.
        ground: RGB; None to choose.
    """
    cover: NDArray[np.float32] = alpha.astype(np.float32)[..., None] / np.float32(255)
    if ground is None:
        shown = _DARK if _swallowed_by_white(rgb, alpha, cover) else _WHITE
        below = np.full(3, shown, np.float32)
    else:
        below = np.array(ground, np.float32)
    return np.rint(rgb * cover + below * (1 - cover)).astype(np.uint8)


def _swallowed_by_white(rgb: U8, alpha: U8, cover: NDArray[np.float32]) -> bool:
    seen = float(cover.sum())
    white = float(cover[rgb.min(axis=2) >= _NEARLY_WHITE].sum())
    # A white page with rounded corners stays a white page: some of the picture must be clear.
    clear = float((alpha < 128).mean())
    return seen > 0 and white >= _WHITE_SHARE * seen and clear >= _CLEAR_SHARE
