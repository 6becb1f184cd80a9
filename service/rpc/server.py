"""The gRPC server: in the event loop of the HTTP one, begun and ended with it."""

import asyncio
import contextlib

import grpc
import structlog
from grpc_health.v1 import health, health_pb2
from grpc_health.v1.health import aio as health_aio
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection

from service.execution import Service
from service.rpc.calls import Calls
from service.rpc.methods import METHODS, SERVICE
from service.security.keys import Keys
from service.settings_file import RpcPortError
from service.telemetry.tracing import Tracing

_LAST_WORDS_S = 0.5
"""For the status of a call that has just ended; what is open after that only watches."""

_GIVEN_UP_S = 5.0
"""After that gRPC's own end is not waited for: once in many ends gRPC (1.85) never told that it had
ended, and the service must end all the same."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("service")


class RpcServer:
    """Serves the methods, the standard health service and reflection, on a port of its own.

    Args:
        service: Shared with HTTP: the pool, the models, the limits.
        keys: Shared with HTTP.
        tracing: None where nothing is traced.
    """

    def __init__(self, service: Service, keys: Keys, tracing: Tracing | None) -> None:
        settings = service.settings
        self._grace_s = settings.shutdown_s
        self._host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self._wanted = settings.grpc_port or 0
        self._calls = Calls(service, keys, tracing)
        self._health = health_aio.HealthServicer()
        self._ending: asyncio.Task[None] | None = None
        self._server = grpc.aio.server(
            options=(
                # What exceeds this is refused by gRPC itself, without a code; what only exceeds
                # the limit is refused with one.
                ("grpc.max_receive_message_length", 2 * settings.limits.body_bytes),
                # Else a second service on the same port would take every other connection.
                ("grpc.so_reuseport", 0),
            )
        )
        handlers = {
            name: self._calls.handler(f"/{SERVICE}/{name}", answer)
            for name, answer in METHODS.items()
        }
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, handlers),)
        )
        add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server
        )
        self.port = 0
        """The real one, once it is open."""

    @classmethod
    async def started(cls, service: Service, keys: Keys, tracing: Tracing | None) -> "RpcServer":
        """A server whose port is open.

        Raises:
            RpcPortError: the port cannot be opened.
        """
        server = cls(service, keys, tracing)
        await server._start()
        return server

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self._host}:{self.port}"

    async def _start(self) -> None:
        wanted = f"{self._host}:{self._wanted}"
        try:
            self.port = self._server.add_insecure_port(wanted)
        except RuntimeError as error:
            raise RpcPortError(
                f"gRPC cannot be served on {wanted}: the address is in use, or not of this "
                "machine; give another with --grpc-port, or 0 for a free one."
            ) from error
        await self._server.start()
        await self._health.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)

    def begin_stop(self) -> None:
        """Take no new calls from now on, and end once those that run have ended."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._stop())

    async def stop(self) -> None:
        """Return once it has ended, after `shutdown_s` at the latest."""
        self.begin_stop()
        if self._ending is not None:
            await self._ending

    async def _stop(self) -> None:
        await self._health.enter_graceful_shutdown()
        closing = asyncio.create_task(self._server.stop(self._grace_s))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace_s):
                await self._calls.idle()
        try:
            async with asyncio.timeout(_LAST_WORDS_S + _GIVEN_UP_S):
                # Else a caller that watches the health would keep the service for all of the grace.
                await self._server.stop(_LAST_WORDS_S)
                await closing
        except TimeoutError:
            log.warning("gRPC has not ended in time, and is left")
