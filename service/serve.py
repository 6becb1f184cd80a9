"""Runs the service: one process, one event loop, its own inference threads."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI

from service.app import create_app
from service.capture.sample_store import check_folder
from service.hosts import is_loopback
from service.models.backends import load_solver
from service.security.keys import Keys
from service.settings import Settings, load_settings
from service.settings_file import ConfigurationError
from service.solving.solver import Solver
from service.telemetry.logs import configure_logging

_STARTUP_FAILED = 3

_ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = "benchmarks/puzzles/text-words/text-words-00001.jpg"
_EXAMPLE_WORDS = ("痰", "痈", "釉", "痪")


def example_curl(address: str) -> str:
    """A command that solves a puzzle of the repository, as pasted from the repository's folder.

    Args:
        address: Address of the service, `http://127.0.0.1:8000`.
    """
    words = json.dumps(_EXAMPLE_WORDS, ensure_ascii=False)
    return f"curl -s {address}/solve -F background=@{EXAMPLE} -F 'words={words}'"


_KEEP_ALIVE_S = 75
"""How long an idle connection stays open: longer than clients and load balancers keep theirs.

Where the server closes first, a request that is sent at that moment is lost without an answer.
"""

log: structlog.stdlib.BoundLogger = structlog.get_logger("service")


class _Server(uvicorn.Server):
    """Prints the address once the models are loaded and the port is open.

    Args:
        config: Configuration of uvicorn.
        app: What is served; its keys are read again on SIGHUP.
        file: The settings file; None where there is none to be read again.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, file: Path | None) -> None:
        super().__init__(config)
        self._state = app.state
        self._file = file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if not self.started:
            return
        # Without a file SIGHUP keeps its meaning, that the terminal is gone.
        if self._file is not None and sys.platform != "win32":
            asyncio.get_running_loop().add_signal_handler(
                signal.SIGHUP, reload_keys, self._state.keys, self._file
            )
        # Not from the settings: port 0 becomes a real one here.
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        print(f"clickorder serves on {address} (documentation: {address}/docs)", flush=True)
        if self._state.rpc is not None:
            print(f"clickorder serves gRPC on {self._state.rpc.address}", flush=True)
        if (_ROOT / EXAMPLE).is_file():
            print(f"Try it from {_ROOT}:\n\n{example_curl(address)}\n", flush=True)
        if origins := self._state.service.registry.fallback.solver.origins:
            print(f"Models: {told_origins(origins)}.", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._state.rpc is not None:
            # At the same time as HTTP; the lifespan, which ends after that, waits for it.
            self._state.rpc.begin_stop()
        await super().shutdown(sockets=sockets)


def told_origins(origins: Mapping[str, str]) -> str:
    """Which roles are filled from where, in one line.

    Args:
        origins: Origins of a solver.
    """
    by_origin: dict[str, list[str]] = {}
    for role, origin in origins.items():
        by_origin.setdefault(origin, []).append(role)
    return "; ".join(f"{', '.join(roles)} {origin}" for origin, roles in by_origin.items())


def reload_keys(keys: Keys, file: Path) -> None:
    """Take the keys of the settings file as it is now; one that is wrong changes nothing.

    Args:
        keys: Keys of the running service.
        file: The settings file. Of everything else in it nothing is read before a restart.
    """
    try:
        keys.replace(load_settings(settings=file))
    except ConfigurationError as error:
        log.error("keys stay as they were", reason=str(error))  # noqa: TRY400 - a sentence
    else:
        log.info("keys read again", keys=len(keys))


def run_server(
    settings: Settings, solver_factory: Callable[[Settings], Solver] = load_solver
) -> None:
    """Serve until SIGINT or SIGTERM; running requests are finished first.

    Args:
        settings: Host, port, limits and the rest.
        solver_factory: Called once, before the port is open.

    Raises:
        KeysRequiredError: the service must have API keys and has none.
        RpcMissingError: it is to serve gRPC, which is not installed.
        SampleStoreError: the folder of `keep.dir` cannot be used.
        BackendError, ModelFileError, CalibrationError: the models cannot be used.
        SystemExit: the port cannot be opened; the log says why.
    """
    configure_logging(settings.log)
    check_folder(settings.keep)
    # Models before the server, so that one that cannot be used ends in its own sentence; the app
    # before the models, so that what takes no time to say is said at once.
    app = create_app(settings, lambda _: solver)
    if not settings.keys_on and not is_loopback(settings.host):
        log.warning("anybody who reaches this address may use the service", host=settings.host)
    solver = solver_factory(settings)
    server = _Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            lifespan="on",
            # Where uvloop and httptools are there (Ray brings them), uvicorn would take them: they
            # answer malformed requests in other ways, and next to a solve they save nothing.
            loop="asyncio",
            http="h11",
            ws="none",
            log_config=None,  # ours is set already
            access_log=False,  # ours is in service.middleware
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=settings.shutdown_s,
        ),
        app,
        settings.settings,
    )
    # uvicorn raises the signal again after it has shut down in good order.
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise SystemExit(_STARTUP_FAILED)
