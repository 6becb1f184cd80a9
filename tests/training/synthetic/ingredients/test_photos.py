"""Backgrounds: shrunk, each picture once, variants of a motif together."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from training.synthetic.ingredients.catalogue import Package
from training.synthetic.ingredients.photos import fingerprint, index_photos, motif_of

ANY = Package("photo", "apt", "tiny-wallpapers")
Painter = Callable[..., Image.Image]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a/dune-d.svg", "a/dune-l.svg", True),
        ("a/Wave_Blue_1366x768.png", "a/Wave_Green_2048x1536_Portrait.png", True),
        ("a/origami-dark.png", "a/origami-bright-logo.png", True),
        ("x/theme/contents/images/1x1.svg", "x/theme/contents/images/2x2.svg", True),
        ("s/landscapes/ocean/ocean1.png", "s/landscapes/ocean/ocean7.png", True),
        ("s/landscapes/ocean/ocean1.png", "s/landscapes/mars/mars.png", False),
        ("a/butterfly.png", "a/butter.png", False),
        ("a/dune.png", "b/dune.png", False),
        ("a/redwoods.png", "a/woods.png", False),
        ("a/Picture_0B_by_x.jpg", "a/Picture_1A_by_x.jpg", False),
    ],
    ids=lambda value: str(value),
)
def test_motif(one: str, other: str, same: bool) -> None:
    assert (motif_of(one) == motif_of(other)) == same


def test_pictures_are_shrunk_and_repeats_dropped(tmp_path: Path, painter: Painter) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    painter(1).save(source / "hill.png")
    painter(1, (800, 450)).save(source / "hill_800x450.png")
    painter(1, (400, 225)).save(source / "renamed.jpg")
    painter(2).save(source / "lake-l.webp")
    painter(2).point(lambda value: value // 2).save(source / "lake-d.webp")
    painter(3, (500, 2000)).save(source / "tower.png")
    painter(4, (150, 100)).save(source / "small.png")
    Image.new("RGB", (900, 600), "navy").save(source / "flat.png")
    painter(5).save(source / "plasma.png")
    (source / "torn.jpg").write_bytes(b"\xff\xd8\xff torn")
    (source / "notes.txt").write_text("no picture")
    (source / "linked.png").symlink_to(source / "hill.png")
    records = index_photos(ANY, source, target)
    assert [record.name for record in records] == ["hill.png", "lake-d.webp", "tower.png"]
    sizes = []
    for record in records:
        with Image.open(target / record.file) as picture:
            assert (picture.format, picture.mode) == ("JPEG", "RGB")
            sizes.append(picture.size)
    assert sizes == [(1000, 563), (1000, 563), (250, 1000)]


def test_transparent_parts_become_sky(tmp_path: Path, painter: Painter) -> None:
    horizon = painter(1).convert("RGBA")
    horizon.paste((0, 0, 0, 0), (0, 0, 1600, 400))
    horizon.save(tmp_path / "horizon.png")
    [record] = index_photos(ANY, tmp_path, tmp_path)
    with Image.open(tmp_path / record.file) as picture:
        assert picture.getpixel((500, 60)) == pytest.approx((136, 170, 204), abs=4)


def test_svg_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "waves.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="200">'
        '<path fill="#048" d="M0 0h320v200H0z"/>'
        '<circle cx="160" cy="100" r="80" fill="#fd0"/></svg>'
    )
    [record] = index_photos(ANY, tmp_path, tmp_path)
    with Image.open(tmp_path / record.file) as picture:
        assert picture.size == (1000, 625)


def test_fingerprint_knows_a_picture_again(painter: Painter) -> None:
    prints = [fingerprint(painter(seed)) for seed in range(8)]
    copies = [fingerprint(painter(seed, (640, 360))) for seed in range(8)]
    for i, one in enumerate(prints):
        for j, other in enumerate(copies):
            distance = (one ^ other).bit_count()
            assert distance < 12 if i == j else distance > 48
