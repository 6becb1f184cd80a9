"""A folder of plain pictures, and the review page in front of it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from clickorder.review.app import create_review_app


@pytest.fixture(scope="session")
def review_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a new folder of plain pictures: `review_folder({"a.png": (300, 200)})`."""

    def make(sizes: Mapping[str, tuple[int, int]]) -> Path:
        folder = tmp_path_factory.mktemp("review") / "pictures"
        for name, size in sizes.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size, (90, 120, 150)).save(file)
        return folder

    return make


@pytest.fixture(scope="session")
def serve_review(world: ModuleType) -> Callable[[Path], AbstractContextManager[str]]:
    """The review page of a folder on a free port."""
    return lambda folder: world.running(create_review_app(folder))


@pytest.fixture(scope="session")
def open_chromium(world: ModuleType) -> Callable[..., AbstractContextManager[object]]:
    """Opened by each file of tests, as no other event loop can run beside it."""
    browsing: Callable[..., AbstractContextManager[object]] = world.browsing
    return browsing
