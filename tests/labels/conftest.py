"""Pictures and folders that the tests of labels share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

Draw = Callable[..., Path]
Snapshot = dict[str, bytes]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Draws a little challenge; another seed gives other letters elsewhere, on the same ground."""

    def drawn(
        path: Path,
        seed: int = 0,
        size: tuple[int, int] = (160, 100),
        ground: tuple[int, int, int] = (214, 222, 208),
        ink: tuple[int, int, int] = (60, 40, 120),
        exif: Image.Exif | None = None,
    ) -> Path:
        rng = np.random.default_rng(seed)
        picture = Image.new("RGB", size, ground)
        pen, font = ImageDraw.Draw(picture), ImageFont.load_default(34)
        for column in range(3):
            left = column * size[0] // 3 + int(rng.integers(0, size[0] // 3 - 24))
            top = int(rng.integers(0, size[1] - 40))
            pen.text((left, top), chr(65 + int(rng.integers(26))), fill=ink, font=font)
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, **({"exif": exif} if exif else {}))
        return path

    return drawn


@pytest.fixture
def yolo_folder(tmp_path: Path, draw: Draw) -> Path:
    """A clean labelImg folder of six pictures, each with two boxes."""
    folder = tmp_path / "data"
    for number in range(6):
        draw(folder / f"{number}.png", number)
        (folder / f"{number}.txt").write_text("0 0.3 0.5 0.2 0.4\n1 0.7 0.5 0.2 0.4\n")
    (folder / "classes.txt").write_text("cat\nbus\n")
    return folder


@pytest.fixture
def snapshot() -> Callable[[Path], Snapshot]:
    """All files below a folder with their content, without what a kill leaves hidden."""

    def files(folder: Path) -> Iterator[tuple[str, bytes]]:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield path.relative_to(folder).as_posix(), path.read_bytes()

    return lambda folder: dict(files(folder))
