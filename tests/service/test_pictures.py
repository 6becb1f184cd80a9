import base64
import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from service.errors import BadBase64Error, BadPictureError, PictureTooLargeError, ServiceError
from service.pictures import decode_base64, decode_picture
from service.settings import Limits

LIMITS = Limits()
SIDE = 16


def encode(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(name, data):
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width, height, depth, colour_type, rows, *extra):
    """A PNG file by hand, for what Pillow cannot write; `rows` are raw, without filter bytes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), *extra, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    )


def noise(width=40, height=24):
    values = np.random.default_rng(3).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)


def flat(mode, colour, **options):
    return encode(Image.new(mode, (SIDE, SIDE), colour), **options)


def palette(index, colours, **options):
    image = Image.new("P", (SIDE, SIDE), index)
    image.putpalette([v for colour in colours for v in colour])
    return encode(image, **options)


def grey16(value, **options):
    return encode(Image.fromarray(np.full((SIDE, SIDE), value, np.uint16)), **options)


def without_adobe_marker(data):
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + struct.unpack(">H", data[at + 2 : at + 4])[0] :]


CMYK = (200, 40, 90, 60)
CMYK_SEEN = tuple((255 - ink) * (255 - CMYK[3]) / 255 for ink in CMYK[:3])
CMYK_JPEG = flat("CMYK", CMYK, kind="JPEG", quality=100)
ROW16 = struct.pack(">HHH", 0x1234, 0x8000, 0xFFFF) * SIDE
KEY16 = chunk(b"tRNS", struct.pack(">HHH", 0x1234, 0x8000, 0xFFFF))

# id, file, the colour a person sees everywhere, allowed difference
COLOURS = {
    "rgb-png": (flat("RGB", (10, 20, 30)), (10, 20, 30), 0),
    "rgb-jpeg": (flat("RGB", (10, 200, 30), kind="JPEG", quality=100), (10, 200, 30), 3),
    "rgb-bmp": (flat("RGB", (10, 20, 30), kind="BMP"), (10, 20, 30), 0),
    "rgb-webp": (flat("RGB", (10, 20, 30), kind="WEBP", lossless=True), (10, 20, 30), 0),
    "grey": (flat("L", 77), (77, 77, 77), 0),
    "grey-jpeg": (flat("L", 77, kind="JPEG"), (77, 77, 77), 2),
    "one-bit-white": (flat("1", 1), (255, 255, 255), 0),
    "one-bit-black": (flat("1", 0), (0, 0, 0), 0),
    "palette": (palette(1, [(0, 0, 0), (9, 99, 199)]), (9, 99, 199), 0),
    "palette-gif": (palette(1, [(0, 0, 0), (9, 99, 199)], kind="GIF"), (9, 99, 199), 0),
    "palette-clear": (
        palette(1, [(0, 0, 0), (9, 99, 199)], transparency=1),
        (255, 255, 255),
        0,
    ),
    "palette-half-clear": (
        palette(1, [(0, 0, 0), (0, 100, 200)], transparency=bytes([255, 128])),
        (127, 177, 227),
        1,
    ),
    "gif-clear": (
        palette(1, [(0, 0, 0), (9, 99, 199)], kind="GIF", transparency=1),
        (255, 255, 255),
        0,
    ),
    "grey-alpha-opaque": (flat("LA", (50, 255)), (50, 50, 50), 0),
    "grey-alpha-half": (flat("LA", (0, 51)), (204, 204, 204), 0),
    "rgba-clear": (flat("RGBA", (0, 0, 0, 0)), (255, 255, 255), 0),
    "rgba-webp": (
        flat("RGBA", (255, 0, 0, 51), kind="WEBP", lossless=True),
        (255, 204, 204),
        0,
    ),
    "cmyk-adobe": (CMYK_JPEG, CMYK_SEEN, 3),
    "cmyk-no-marker": (without_adobe_marker(CMYK_JPEG), CMYK_SEEN, 3),
    "grey16-black": (grey16(0), (0, 0, 0), 0),
    "grey16-dark": (grey16(300), (1, 1, 1), 0),
    "grey16-middle": (grey16(128 * 257), (128, 128, 128), 0),
    "grey16-white": (grey16(65_535), (255, 255, 255), 0),
    "grey16-clear": (grey16(1000, transparency=1000), (255, 255, 255), 0),
    "grey16-key-elsewhere": (grey16(1000, transparency=1001), (4, 4, 4), 0),
    "rgb16": (png(SIDE, SIDE, 16, 2, [ROW16] * SIDE), (0x12, 0x80, 0xFF), 0),
    "rgb16-clear": (png(SIDE, SIDE, 16, 2, [ROW16] * SIDE, KEY16), (255, 255, 255), 0),
    "profile-ignored": (flat("RGB", (10, 20, 30), icc_profile=b"no profile"), (10, 20, 30), 0),
}


@pytest.mark.parametrize(("data", "seen", "within"), COLOURS.values(), ids=COLOURS)
def test_a_picture_of_any_mode_is_seen_in_its_colours(data, seen, within):
    pixels = decode_picture(data, LIMITS)
    assert pixels.shape == (SIDE, SIDE, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert np.abs(pixels.astype(float) - np.array(seen)).max() <= within


def test_the_cmyk_file_is_one_as_adobe_writes_it():
    assert b"Adobe" in CMYK_JPEG
    assert b"Adobe" not in without_adobe_marker(CMYK_JPEG)


def test_16_bit_grey_keeps_every_step():
    ramp = np.arange(256, dtype=np.uint16) * 257
    data = encode(Image.fromarray(np.tile(ramp, (SIDE, 1))))
    assert (decode_picture(data, LIMITS)[0, :, 0] == np.arange(256)).all()


# EXIF 2.32, tag 0x0112: the visual side of row 0 and of column 0.
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def stored_for(upright, orientation):
    """The slow oracle: put every upright pixel where a camera with that orientation stores it."""
    height, width = upright.shape[:2]
    row_side, column_side = SIDES[orientation]
    swapped = row_side in ("left", "right")
    stored = np.zeros((width, height, 3) if swapped else (height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            distance = {"top": y, "bottom": height - 1 - y, "left": x, "right": width - 1 - x}
            stored[distance[row_side], distance[column_side]] = upright[y, x]
    return stored


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize("orientation", SIDES)
@pytest.mark.parametrize(
    ("kind", "options", "within"),
    [
        ("PNG", {}, 0),
        ("JPEG", {"quality": 100, "subsampling": 0}, 12),
        ("WEBP", {"lossless": True}, 0),
    ],
    ids=["png", "jpeg", "webp"],
)
def test_every_exif_orientation_is_turned_upright(orientation, kind, options, within):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[..., 0] = np.arange(16)[:, None] * 16
    upright[..., 1] = np.arange(32)[None] * 8
    image = Image.fromarray(stored_for(upright, orientation))
    data = encode(image, kind, exif=exif(orientation), **options)
    seen = decode_picture(data, LIMITS)
    assert seen.shape == upright.shape
    assert np.abs(seen.astype(int) - upright).max() <= within


@pytest.mark.parametrize("value", [0, 9, 700])
def test_an_impossible_orientation_is_ignored(value):
    assert (decode_picture(encode(noise(), exif=exif(value)), LIMITS) == np.asarray(noise())).all()


def test_damaged_exif_is_ignored():
    data = encode(noise(), exif=b"Exif\0\0MM\0\x2a\xff\xff")
    assert (decode_picture(data, LIMITS) == np.asarray(noise())).all()


def icon(colour, ground=(0, 0, 0, 0)):
    image = Image.new("RGBA", (32, 32), ground)
    image.paste(colour, (8, 8, 24, 24))
    return encode(image)


def test_a_white_icon_stands_out_from_its_ground():
    seen = decode_picture(icon((255, 255, 255, 255)), LIMITS).astype(int)
    assert (seen[16, 16] == 255).all()
    assert (seen[0, 0] < 64).all()


@pytest.mark.parametrize("colour", [(0, 0, 0, 255), (250, 220, 0, 255), (128, 128, 128, 200)])
def test_any_other_icon_lies_on_white(colour):
    assert (decode_picture(icon(colour), LIMITS)[0, 0] == 255).all()


def test_a_white_page_with_clear_corners_stays_white():
    image = Image.new("RGBA", (100, 100), (255, 255, 255, 255))
    image.paste((0, 0, 0, 0), (0, 0, 4, 4))
    assert (decode_picture(encode(image), LIMITS)[0, 0] == 255).all()


FRAMES = {"save_all": True, "append_images": [Image.new("RGB", (SIDE, SIDE), "red")]}


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_refused_with_its_reason(kind):
    data = flat("RGB", "blue", kind=kind, **FRAMES)
    with pytest.raises(BadPictureError, match=f"`picture` is an animated {kind}"):
        decode_picture(data, LIMITS)


def test_a_photo_with_a_second_picture_behind_it_is_a_photo():
    data = flat("RGB", (10, 20, 30), kind="MPO", quality=100, **FRAMES)
    assert np.abs(decode_picture(data, LIMITS).astype(int) - (10, 20, 30)).max() <= 3


WHOLE = {
    "png": encode(noise()),
    "palette-png": encode(noise().quantize(16)),
    "jpeg": encode(noise(), "JPEG"),
    "progressive-jpeg": encode(noise(), "JPEG", progressive=True),
    "webp": encode(noise(), "WEBP"),
    "lossless-webp": encode(noise(), "WEBP", lossless=True),
    "gif": encode(noise().quantize(64), "GIF"),
    "bmp": encode(noise(), "BMP"),
}


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_a_cut_file_is_refused_or_was_whole_already(data):
    whole = decode_picture(data, LIMITS)
    refused = 0
    for length in range(len(data)):
        try:
            seen = decode_picture(data[:length], LIMITS)
        except BadPictureError:
            refused += 1
        else:
            assert np.array_equal(seen, whole), f"half a picture from {length} bytes"
    # A PNG may lose its check sums and its end mark, and nothing of the picture.
    assert refused >= len(data) - 24


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "gif", "bmp"])
def test_the_reason_of_half_a_file_names_its_kind(kind):
    half = WHOLE[kind][: len(WHOLE[kind]) // 2]
    with pytest.raises(BadPictureError, match=f"(?i)`image` is a {kind} file that is cut off"):
        decode_picture(half, LIMITS, "image")


def test_damage_is_a_picture_or_a_sentence_and_nothing_else():
    dice = random.Random(5)
    files = list(WHOLE.values())
    for _ in range(1500):
        data = bytearray(dice.choice(files))
        for _ in range(dice.randint(1, 6)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        try:
            assert decode_picture(bytes(data), LIMITS).ndim == 3
        except ServiceError as error:
            assert str(error).startswith("`picture` ")  # noqa: PT017


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"hello", "not a picture that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PNG, JPEG, WebP, GIF or BMP"),
        (encode(noise(), "TIFF"), "not a picture that can be read"),
        (encode(Image.new("L", (1, 1))), "1x1 pixels; the smaller side must be at least 8"),
        (encode(Image.new("L", (500, 7))), "500x7"),
    ],
    ids=["empty", "text", "svg", "tiff", "1x1", "thin"],
)
def test_what_is_no_picture_is_refused(data, sentence):
    with pytest.raises(BadPictureError, match=sentence):
        decode_picture(data, LIMITS)


def header_only(width, height):
    """A PNG whose header promises pixels that are not there."""
    return png(width, height, 1, 0, [])


@pytest.mark.parametrize(
    "size",
    [(2001, 2000), (20_000, 20_000), (10_000, 10_000), (2**31 - 1, 2**31 - 1)],
    ids=["just-over", "bomb", "pillow-would-only-warn", "huge"],
)
def test_too_many_pixels_are_refused_from_the_header_alone(size):
    # Had anything been decoded, the answer would have been "cut off".
    with pytest.raises(PictureTooLargeError, match="at most 4000000 pixels"):
        decode_picture(header_only(*size), LIMITS)


def test_a_webp_bomb_is_refused_from_its_header():
    data = bytearray(WHOLE["lossless-webp"])
    at = data.index(b"VP8L") + 9
    data[at : at + 4] = struct.pack("<I", 16_382 | 16_382 << 14)
    with pytest.raises(PictureTooLargeError):
        decode_picture(bytes(data), LIMITS)


def test_a_picture_at_the_limit_is_decoded():
    limits = Limits(pixels=40 * 24)
    assert decode_picture(encode(noise()), limits).shape == (24, 40, 3)
    with pytest.raises(PictureTooLargeError, match="41x24"):
        decode_picture(encode(noise(41, 24)), limits)


def test_a_jpeg_of_endless_scans_is_refused():
    data = encode(noise(), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(BadPictureError, match="scans"):
        decode_picture(data[:-2] + last * 200 + data[-2:], LIMITS)


def test_a_text_chunk_bomb_is_refused():
    bomb = chunk(b"zTXt", b"k\0\0" + zlib.compress(b"\0" * 100_000_000))
    with pytest.raises(BadPictureError):
        decode_picture(png(SIDE, SIDE, 8, 0, [b"\0" * SIDE] * SIDE, bomb), LIMITS)


DATA = bytes(range(256))
PLAIN = base64.b64encode(DATA).decode()


@pytest.mark.parametrize(
    "sent",
    [
        PLAIN,
        f"data:image/png;base64,{PLAIN}",
        f"DATA:image/svg+xml;charset=utf-8;BASE64,{PLAIN}",
        f"data:;base64,{PLAIN}",
        base64.encodebytes(DATA).decode(),
        f"  {PLAIN[:100]}\r\n\t{PLAIN[100:]}\n",
    ],
    ids=["plain", "url", "url-upper", "url-bare", "lines", "spaces"],
)
def test_base64_is_read(sent):
    assert decode_base64(sent) == DATA


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ("***", "not base64"),
        (PLAIN[:-1], "not base64"),
        (PLAIN.replace("+", "-").replace("/", "_"), "standard base64"),
        (PLAIN + "=", "not base64"),
        (PLAIN + PLAIN, "not base64"),
        ("图", "not base64"),
        ("https://example.com/a.png", "not base64"),
        ("data:image/png,abcd", "without base64"),
        ("data:image/png;base64", "without base64"),
    ],
    ids=["stars", "padding", "url-safe", "excess", "twice", "chinese", "link", "url", "no-comma"],
)
def test_what_is_not_base64_is_refused(sent, sentence):
    with pytest.raises(BadBase64Error, match=sentence) as caught:
        decode_base64(sent, "background")
    assert str(caught.value).startswith("`background` ")
