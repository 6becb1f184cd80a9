"""Runs the service: one process, one event loop, its own inference threads."""

import contextlib
import json
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from service.app import create_app
from service.backends import load_solver
from service.logs import configure_logging
from service.settings import Settings
from service.solver import Solver

_STARTUP_FAILED = 3

_ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = "benchmarks/puzzles/text-words/text-words-00001.jpg"
_EXAMPLE_WORDS = ("痰", "痈", "釉", "痪")


def example_curl(address: str) -> str:
    """A command that solves a puzzle of the repository, as pasted from the repository's folder.

    Args:
        address: Of the service, `http://127.0.0.1:8000`.
    """
    words = json.dumps(_EXAMPLE_WORDS, ensure_ascii=False)
    return f"curl -s {address}/solve -F background=@{EXAMPLE} -F 'words={words}'"


class _Server(uvicorn.Server):
    """Prints the address once the models are loaded and the port is open."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if not self.started:
            return
        # Not from the settings: port 0 becomes a real one here.
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        print(f"clickorder serves on {address} (documentation: {address}/docs)", flush=True)
        if (_ROOT / EXAMPLE).is_file():
            print(f"Try it from {_ROOT}:\n\n{example_curl(address)}\n", flush=True)


def run_server(
    settings: Settings, solver_factory: Callable[[Settings], Solver] = load_solver
) -> None:
    """Serve until SIGINT or SIGTERM; running requests are finished first.

    Args:
        settings: Host, port, limits and the rest.
        solver_factory: Called once, before the port is open.

    Raises:
        BackendError, ModelFileError, CalibrationError: the models cannot be used.
        SystemExit: the port cannot be opened; the log says why.
    """
    configure_logging(settings.log)
    # Before the server, so that a model that cannot be used ends in its own sentence.
    solver = solver_factory(settings)
    server = _Server(
        uvicorn.Config(
            create_app(settings, lambda _: solver),
            host=settings.host,
            port=settings.port,
            lifespan="on",
            log_config=None,  # ours is set already
            access_log=False,  # ours is in service.middleware
            server_header=False,
            timeout_graceful_shutdown=settings.shutdown_s,
        )
    )
    # uvicorn raises the signal again after it has shut down in good order.
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise SystemExit(_STARTUP_FAILED)
