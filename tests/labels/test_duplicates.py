"""What counts as the same picture, and what does not."""

import io
import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from labels.duplicates import (
    Fingerprint,
    are_near,
    exact_groups,
    fingerprint,
    fingerprints,
    near_groups,
    near_pairs,
)
from modelfile import PictureError

PUZZLES = Path(__file__).resolve().parents[2] / "benchmarks" / "puzzles"
FAMILIES = sorted(path.name for path in PUZZLES.iterdir() if path.is_dir())


def jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    def saved(picture: Image.Image) -> Image.Image:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=quality)
        return Image.open(stream).convert("RGB")

    return saved


def scaled(factor: float) -> Callable[[Image.Image], Image.Image]:
    return lambda picture: picture.resize(
        (round(picture.width * factor), round(picture.height * factor)), Image.Resampling.BICUBIC
    )


def noisy(picture: Image.Image) -> Image.Image:
    grain = np.random.default_rng(3).integers(-5, 6, (picture.height, picture.width, 3))
    return Image.fromarray((np.asarray(picture, np.int16) + grain).clip(0, 255).astype(np.uint8))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg 90": jpeg(90),
    "jpeg 75": jpeg(75),
    "half": scaled(0.5),
    "one and a half": scaled(1.5),
    "noise": noisy,
    "brighter": lambda picture: picture.point(lambda value: min(255, value + 6)),
}


def puzzle_files(family: str, count: int | None = None) -> list[Path]:
    lines = (PUZZLES / family / "puzzles.jsonl").read_text(encoding="utf-8").splitlines()
    return [PUZZLES / family / json.loads(line)["background"] for line in lines[:count]]


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    files = [file for family in FAMILIES for file in puzzle_files(family, 2)]
    return [Image.open(file).convert("RGB") for file in files]


def taken(picture: Image.Image, folder: Path, name: str = "x.bmp") -> Fingerprint:
    picture.save(folder / name)
    return fingerprint(folder / name)


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES.keys())
def test_copies_are_near(
    tmp_path: Path, pictures: list[Image.Image], copy: Callable[[Image.Image], Image.Image]
) -> None:
    for picture in pictures:
        one, other = taken(picture, tmp_path), taken(copy(picture), tmp_path)
        assert one.pixels != other.pixels
        assert are_near(one, other)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_two_puzzles_of_a_family_are_near(family: str) -> None:
    found = dict(fingerprints(puzzle_files(family)))
    prints = [one for one in found.values() if isinstance(one, Fingerprint)]
    assert len(prints) == 100
    assert list(near_pairs(prints)) == []


def lettered(ground: Image.Image, seed: int, contrast: int) -> Image.Image:
    rng, font = np.random.default_rng(seed), ImageFont.load_default(40)
    picture = ground.copy()
    pen = ImageDraw.Draw(picture)
    for _ in range(3):
        x, y = int(rng.integers(5, ground.width - 50)), int(rng.integers(5, ground.height - 50))
        mean = np.asarray(ground.crop((x, y, x + 40, y + 40))).reshape(-1, 3).mean(0)
        ink = tuple(int(v + contrast if v + contrast < 256 else v - contrast) for v in mean)
        pen.text((x, y), chr(65 + int(rng.integers(26))), fill=ink, font=font)
    return picture


@pytest.mark.parametrize("contrast", [40, 80, 160])
@pytest.mark.parametrize("plain", [True, False], ids=["plain ground", "photo"])
def test_other_letters_on_the_same_ground_are_another_picture(
    tmp_path: Path, pictures: list[Image.Image], plain: bool, contrast: int
) -> None:
    for picture in pictures:
        ground = Image.new("RGB", picture.size, picture.getpixel((5, 5))) if plain else picture
        one, other = (taken(lettered(ground, seed, contrast), tmp_path) for seed in (1, 2))
        assert not are_near(one, other)


def test_other_colours_and_shapes_are_another_picture(tmp_path: Path) -> None:
    red = taken(Image.new("RGB", (60, 40), (200, 30, 30)), tmp_path)
    assert not are_near(red, taken(Image.new("RGB", (60, 40), (30, 30, 200)), tmp_path))
    assert not are_near(red, taken(Image.new("RGB", (40, 60), (200, 30, 30)), tmp_path))


def test_the_same_pixels_in_another_format(tmp_path: Path, draw) -> None:
    with Image.open(draw(tmp_path / "a.png")) as picture:
        picture.save(tmp_path / "b.bmp")
        picture.convert("RGBA").save(tmp_path / "c.webp", lossless=True)
    prints = [fingerprint(tmp_path / name) for name in ("a.png", "b.bmp", "c.webp")]
    assert len(set(prints)) == 1
    assert exact_groups(prints) == [[0, 1, 2]]


def test_a_turned_picture_is_taken_as_displayed(tmp_path: Path, draw) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    draw(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        picture.transpose(Image.Transpose.ROTATE_180).save(tmp_path / "b.png", exif=exif)
    assert fingerprint(tmp_path / "a.png") == fingerprint(tmp_path / "b.png")


def test_unreadable_files_come_with_their_error(tmp_path: Path, draw) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    found = dict(fingerprints([tmp_path / "b.png", tmp_path / "a.png"]))
    assert list(found) == [tmp_path / "b.png", tmp_path / "a.png"]
    assert isinstance(found[tmp_path / "b.png"], PictureError)
    assert isinstance(found[tmp_path / "a.png"], Fingerprint)


def made(pixels: int, bits: int, grey: int) -> Fingerprint:
    return Fingerprint(str(pixels), bits, 1.0, bytes([grey]) * (32 * 32 * 3))


@settings(deadline=None)
@given(
    st.lists(
        st.builds(made, st.integers(0, 9), st.sampled_from([0, 2**64 - 1, 7]), st.integers(0, 40)),
        max_size=25,
        unique_by=lambda one: one.pixels,
    )
)
def test_pairs_are_all_that_are_near(prints: list[Fingerprint]) -> None:
    slow = [
        (i, j) for i, j in combinations(range(len(prints)), 2) if are_near(prints[i], prints[j])
    ]
    assert sorted(near_pairs(prints)) == slow


def test_pairs_are_found_beyond_a_block_of_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    prints = [made(n, int(rng.integers(2**63)), 9) for n in range(600)]
    prints[0], prints[599] = made(1000, 5, 9), made(1001, 4, 10)
    assert (0, 599) in set(near_pairs(prints))


def test_groups_go_by_way_of_a_third() -> None:
    # Grey values are apart by at most 16 for neighbours only.
    prints = [made(0, 7, 10), made(1, 7, 24), made(2, 7, 38), made(3, 7, 90), made(0, 7, 10)]
    assert near_groups(prints) == [[0, 1, 2, 4], [3]]


@settings(deadline=None)
@given(
    st.lists(
        st.builds(made, st.integers(0, 9), st.sampled_from([0, 2**64 - 1, 7]), st.integers(0, 90)),
        max_size=30,
    )
)
def test_groups_are_all_that_pairs_lead_to(prints: list[Fingerprint]) -> None:
    slow = [{n} for n in range(len(prints))]
    for i, j in [*near_pairs(prints), *((g[0], n) for g in exact_groups(prints) for n in g)]:
        merged = slow[i] | slow[j]
        for n in merged:
            slow[n] = merged
    assert near_groups(prints) == sorted(map(sorted, {frozenset(group) for group in slow}))
