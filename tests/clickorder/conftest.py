"""The real server of the service's tests, for the tests of what asks it."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType

import pytest
import structlog


@pytest.fixture(scope="session")
def world() -> ModuleType:
    """The conftest of tests/service: coloured squares, and a server in front of them."""
    name = "world_of_colours"
    path = Path(__file__).resolve().parents[1] / "service" / "conftest.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", autouse=True)
def quiet(world: ModuleType) -> None:
    """Keep the access log out of pytest's output."""
    structlog.configure(processors=[world.drop])


@pytest.fixture(scope="session")
def serve(world: ModuleType) -> Callable[..., AbstractContextManager[str]]:
    """A real server on a free port, with settings and a solver of the test's own."""
    return world.serving


@pytest.fixture(scope="session")
def colours_url(world: ModuleType) -> Iterator[str]:
    """The URL of a real server."""
    with world.serving() as address:
        yield address
