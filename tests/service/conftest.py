"""A world of coloured squares on white, and a real server in front of it.

The solver is the real one; its three models are a few lines of NumPy that know colours, so that
the whole HTTP suite runs in seconds and still answers with true coordinates.
"""

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
import structlog
import uvicorn
from numpy.typing import NDArray
from scipy import ndimage
from starlette.types import ASGIApp

from detector.detections import Detections
from service.app import create_app
from service.models.backends import load_solver
from service.settings import Settings
from service.solving.answers import DetectedBox
from service.solving.parts import Parts
from service.solving.solver import Solver

if TYPE_CHECKING:
    from playwright.sync_api import Browser

COLOURS = {"red": (220, 30, 30), "green": (30, 170, 60), "blue": (40, 60, 220)}


class BlobDetector:
    """Boxes are what is not white."""

    name = "blobs 1.0"

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        labels, count = ndimage.label(image.min(axis=2) < 128)
        boxes = [
            (s[1].start, s[0].start, s[1].stop, s[0].stop) for s in ndimage.find_objects(labels)
        ]
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(count, 0.99, np.float32),
            np.zeros(count, np.int64),
        )


def crop_all(image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    return [image[y1:y2, x1:x2] for x1, y1, x2, y2 in boxes.astype(int)]


def mean_colours(crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    return np.array([c.reshape(-1, 3).mean(axis=0) for c in crops], np.float32).reshape(-1, 3)


class ColourReadings:
    def __init__(self, colours: NDArray[np.float32]) -> None:
        self.colours = colours

    def __len__(self) -> int:
        return len(self.colours)

    def _log_probabilities(self, words: Sequence[str]) -> NDArray[np.float32]:
        table = np.array([COLOURS[word] for word in words], np.float32)
        logits = -np.linalg.norm(table[:, None] - self.colours[None], axis=2) / 20
        return np.maximum(logits - np.logaddexp.reduce(logits, axis=0), -30).astype(np.float32)

    def score_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        whole = self._log_probabilities(list(COLOURS))
        return whole[[list(COLOURS).index(word) for word in words]]

    def agreement(self, other: "ColourReadings") -> NDArray[np.float32]:
        mine, theirs = (np.exp(r._log_probabilities(list(COLOURS))) for r in (self, other))
        return np.maximum(np.log(mine.T @ theirs + 1e-13), -30).astype(np.float32)

    def certainty(self) -> NDArray[np.float32]:
        mine = np.exp(self._log_probabilities(list(COLOURS)))
        likeliest: NDArray[np.float32] = mine.max(axis=0, initial=0)
        return likeliest

    def symbols(self) -> tuple[str, ...]:
        mine = self._log_probabilities(list(COLOURS))
        return tuple(list(COLOURS)[at] for at in mine.argmax(axis=0))


class ColourReader:
    name = "colours 1.0"

    def can_read(self, word: str) -> bool:
        return word in COLOURS

    crop = staticmethod(crop_all)

    def read(self, crops: Sequence[NDArray[np.uint8]]) -> ColourReadings:
        return ColourReadings(mean_colours(crops))


class ColourMatcher:
    name = "twins 1.0"

    crop = staticmethod(crop_all)

    def compare(
        self, prompt: Sequence[NDArray[np.uint8]], scene: Sequence[NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        a, b = mean_colours(prompt), mean_colours(scene)
        return (8 - np.linalg.norm(a[:, None] - b[None], axis=2) / 8).astype(np.float32)


class GatedSolver(Solver):
    """A slow solver: `/detect` waits until the gate is opened."""

    def __init__(self) -> None:
        super().__init__(Parts(BlobDetector(), ColourReader(), ColourMatcher()))
        self.gate = threading.Event()
        self.running = 0
        self.peak = 0
        self.lock = threading.Lock()

    def detect(self, image: NDArray[np.uint8]) -> tuple[DetectedBox, ...]:
        with self.lock:
            self.running += 1
            self.peak = max(self.peak, self.running)
        assert self.gate.wait(600)
        with self.lock:
            self.running -= 1
        return super().detect(image)


def colour_solver(settings: Settings) -> Solver:
    return Solver(Parts(BlobDetector(), ColourReader(), ColourMatcher()))


@contextmanager
def serving(
    settings: Settings | None = None, factory: Callable[[Settings], Solver] = colour_solver
) -> Iterator[str]:
    """A real server on a free port; yields its URL."""
    with running(create_app(settings or Settings(), factory)) as url:
        yield url


class ToldServer(uvicorn.Server):
    """Ends as soon as it is told, and wakes once a second.

    uvicorn's own wakes ten times a second to see whether it should end: a tenth of a core for each
    server that stays for other tests, on a machine that is slow to wake.
    """

    told: asyncio.Event | None = None

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.open = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.open.set()

    async def main_loop(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.told = asyncio.Event()
        while not self.should_exit:
            await self.on_tick(0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.told.wait(), 1)

    def tell(self) -> None:
        """From any thread; a server that has only begun to start sees it when it has."""
        self.should_exit = True
        if self.told is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.told.set)


@contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """Any app on a free port; yields its URL."""
    # As `service.serve` has it.
    fixed = {"lifespan": "on", "loop": "asyncio", "http": "h11", "ws": "none"}
    server = ToldServer(uvicorn.Config(app, port=0, log_config=None, **fixed))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 600
        while not server.open.wait(1):
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.tell()
        thread.join(120)
        assert not thread.is_alive()


def drop(logger, method, event):
    raise structlog.DropEvent


@pytest.fixture(scope="session", autouse=True)
def quiet() -> None:
    """Keep the access log out of pytest's output; `capture_logs` still sees it."""
    structlog.configure(processors=[drop])


@pytest.fixture(scope="session")
def serve() -> Callable[..., AbstractContextManager[str]]:
    """`serving`, for tests that need settings or a solver of their own."""
    return serving


@pytest.fixture(scope="session")
def open_app() -> Callable[[ASGIApp], AbstractContextManager[str]]:
    """`running`, for tests that make the app themselves."""
    return running


@pytest.fixture(scope="session")
def colours() -> Callable[[Settings], Solver]:
    """Makes the solver of `serving`."""
    return colour_solver


@pytest.fixture(scope="session")
def shipped() -> Solver:
    """The solver of the shipped weights, which take a while to load."""
    return load_solver(Settings())


@pytest.fixture
def gated() -> GatedSolver:
    return GatedSolver()


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=600) as http:
        yield http


@contextmanager
def browsing(*flags: str) -> Iterator["Browser"]:
    """Debian's Chromium; Playwright's own is not downloaded.

    The headless shell where it is installed: the same engine without the
    window, the extensions and the rest of a browser, a fifth of the work for each page.
    """
    from playwright.sync_api import sync_playwright

    names = ("chromium-headless-shell", "chromium", "chromium-browser")
    found = next(filter(None, map(shutil.which, names)), None)
    assert found, "install chromium (apt-get install chromium-headless-shell); .ci/run does"
    arguments = ["--no-sandbox", "--no-zygote", "--in-process-gpu", "--disable-gpu", *flags]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, timeout=600_000, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def open_chromium() -> Callable[..., AbstractContextManager["Browser"]]:
    """`browsing`: opened by each file of tests, as no other event loop can run beside it."""
    return browsing
