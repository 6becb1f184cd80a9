"""Small inputs as people really have them, and the commands that they are given to."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from typer.testing import CliRunner, Result


@pytest.fixture
def run() -> Callable[..., Result]:
    """`clickorder` with these arguments."""
    from clickorder.cli import app

    return lambda *arguments: CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def tree() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder with its content: what a command must not have changed."""
    return lambda folder: {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture
def shape() -> Callable[..., Image.Image]:
    """A picture of a letter, no two alike: `shape(seed, letter)`, RGB, 40 pixels by default."""

    def drawn(seed: int, letter: str = "A", size: tuple[int, int] = (40, 40)) -> Image.Image:
        rng = np.random.default_rng(seed)
        noise = rng.integers(150, 255, (size[1] // 4, size[0] // 4, 3), dtype=np.uint8)
        picture = Image.fromarray(noise).resize(size, Image.Resampling.BILINEAR)
        ink = tuple(int(v) for v in rng.integers(0, 90, 3))
        corner = tuple(int(v) for v in rng.integers(2, 12, 2))
        ImageDraw.Draw(picture).text(corner, letter, fill=ink, font=ImageFont.load_default(24))
        return picture

    return drawn
