"""Background pictures, shrunk once so that drawing a puzzle does not decode a wallpaper."""

import hashlib
import re
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import resvg_py
from PIL import Image

from modelfile import decode_picture
from training.synthetic.ingredients.catalogue import Package
from training.synthetic.ingredients.reserved import is_reserved
from training.synthetic.ingredients.stamps import PhotoRecord

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".svg")
LONG_SIDE_PX = 1000
MIN_SIDE_PX = 200
_QUALITY = 92
_SKY = (136, 170, 204)
"""Under what is transparent: a planetarium's horizon is cut out."""
# Grey levels between a picture's 2nd and 98th percentile; flatter ones are not photos.
_MIN_CONTRAST = 12
# Parts of a file name that tell copies of one picture apart: size, light and dark, colourway.
_VARIANT = re.compile(
    r"[-_. ](?:\d+x\d+|portrait|logo|light|dark|day|night|bright|[dl]|red|green|blue|purple|teal"
    r"|illum|fog|gl|ground)?\d*(?:\.\d+)*(?=[-_. ]|$)",
    re.IGNORECASE,
)


def index_photos(
    package: Package, source: Path, target: Path, paths: Iterable[Path] | None = None
) -> list[PhotoRecord]:
    """Shrink the pictures of an unpacked package into JPEG files.

    Copies of one picture (other sizes, light and dark) are one picture; parts of one panorama and
    colourways stay separate pictures of one motif.

    Args:
        package: says which files are wanted.
        source: folder with the unpacked package.
        target: folder that receives the JPEG files.
        paths: what to look at; None looks at every file under `source`.
    """
    records: list[PhotoRecord] = []
    seen: list[tuple[str, int]] = []
    for path in sorted(source.rglob("*") if paths is None else paths):
        inside = path.relative_to(source).as_posix()
        if path.is_symlink() or not path.is_file() or not re.search(package.files, inside):
            continue
        if path.suffix.lower() not in PICTURE_SUFFIXES:
            continue
        if is_reserved("photo", package.name, inside):
            continue
        picture = _decoded(path)
        if picture is None:
            continue
        motif, print_ = motif_of(inside), fingerprint(picture)
        # Light and dark copies have other colours but the same edges.
        near = [
            bits
            for other, bits in seen
            if (bits ^ print_).bit_count() < (48 if other == motif else 12)
        ]
        if near:
            continue
        seen.append((motif, print_))
        file = hashlib.sha256(inside.encode()).hexdigest()[:16] + ".jpg"
        picture.save(target / file, quality=_QUALITY)
        records.append(PhotoRecord(inside, file, motif, f"{print_:064x}"))
    return records


def motif_of(inside: str) -> str:
    """What a picture shows, as far as its path says: folder and name without marks of a variant.

    Args:
        inside: the picture's path in its package.
    """
    folder, _, file = inside.rpartition("/")
    stem = file.rpartition(".")[0]
    if "/landscapes/" in inside or "/contents/images" in inside:
        # One panorama in several files; one theme in several sizes.
        return folder
    return f"{folder}/{_VARIANT.sub('', stem).casefold()}"


def fingerprint(picture: Image.Image) -> int:
    """256 bits: whether each of 16x16 cells is brighter than its right neighbour."""
    grey = picture.convert("L").resize((17, 16), Image.Resampling.BOX)
    cells = np.asarray(grey, dtype=np.int16)
    bits = (cells[:, 1:] > cells[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _decoded(path: Path) -> Image.Image | None:
    """The picture as RGB with a long side of at most 1000 px; None if it cannot be used."""
    source: bytes | Path = path
    try:
        if path.suffix.lower() == ".svg":
            source = bytes(
                resvg_py.svg_to_bytes(
                    svg_path=str(path), width=LONG_SIDE_PX, skip_system_fonts=True
                )
            )
        with warnings.catch_warnings():
            # Wallpapers may exceed Pillow's limit for untrusted pictures; these are trusted.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            pixels = decode_picture(
                source, formats=None, ground=_SKY, draft=(2 * LONG_SIDE_PX, 2 * LONG_SIDE_PX)
            )
    except (OSError, ValueError):
        return None
    picture = Image.fromarray(pixels)
    picture.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX), Image.Resampling.LANCZOS)
    low, high = np.percentile(np.asarray(picture.convert("L")), (2, 98))
    if min(picture.size) < MIN_SIDE_PX or high - low < _MIN_CONTRAST:
        return None
    return picture
