"""The app: `create_app(settings)` puts the routes, the limits and the models together."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from service.capture.sample_capture import Keeper
from service.execution import Service
from service.http.batch import BATCHES
from service.http.batch import router as batch_router
from service.http.compatible import router as compatible_router
from service.http.documentation import DocumentedAPI
from service.http.drain import Drain
from service.http.metrics_routes import ServiceCollector
from service.http.metrics_routes import router as metrics_router
from service.http.middleware import BodyLimit, RequestContext
from service.http.models_routes import router as models_router
from service.http.names_routes import router as names_router
from service.http.routes import router
from service.models.backends import load_solver
from service.models.memory import trim
from service.models.registry import Registry
from service.models.watch import Watch
from service.pages.docs_page import docs_router
from service.pages.page import page_router
from service.pool import InferencePool
from service.problems import install_handlers
from service.security.guard import (
    CORS_ANSWER_HEADERS,
    CORS_METHODS,
    CORS_REQUEST_HEADERS,
    Guard,
    SecurityHeaders,
)
from service.security.keys import Keys
from service.settings import Settings
from service.settings_file import RpcMissingError
from service.solving.solver import Solver
from service.telemetry.metrics import Measured, Metrics
from service.telemetry.tracing import TraceRequests, Tracing

if TYPE_CHECKING:
    from service.rpc.server import RpcServer


def create_app(
    settings: Settings, solver_factory: Callable[[Settings], Solver] = load_solver
) -> FastAPI:
    """Make the app; nothing is loaded before its lifespan begins.

    Args:
        settings: Read once, here.
        solver_factory: Called in the lifespan; where it fails, the service does not start.

    Raises:
        KeysRequiredError: the service must have API keys and has none.
        RpcMissingError: it is to serve gRPC, which is not installed.
    """
    serve_rpc = None if settings.grpc_port is None else _rpc()
    keys = Keys(settings)
    metrics = Metrics()
    tracing = Tracing.asked_for(os.environ)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = InferencePool(
            settings.workers,
            settings.limits.queue,
            settings.retry_after_s,
            batches=settings.limits.batches,
        )
        registry = Registry(solver_factory(settings), settings)
        trim()  # Opening models leaves some 20 MiB that nothing uses.
        keeper = None if settings.keep.dir is None else Keeper(settings.keep)
        app.state.service = Service(settings, registry, pool, metrics, keeper)
        metrics.registry.register(ServiceCollector(app.state.service))
        if tracing is not None:
            tracing.open()
        watch = None
        if settings.models_dir is not None:
            await asyncio.to_thread(registry.scan)
            watch = Watch(registry, settings.models_dir)
            watch.start()
        try:
            if serve_rpc is not None:
                app.state.rpc = await serve_rpc(app.state.service, keys, tracing)
            yield
        finally:
            if app.state.rpc is not None:
                await app.state.rpc.stop()
            if watch is not None:
                await asyncio.to_thread(watch.stop)
            pool.close()
            if keeper is not None:
                keeper.close()
            if tracing is not None:
                tracing.close()

    app = DocumentedAPI(
        title="clickorder",
        version=_version(),
        description="Picture and prompt of a click-CAPTCHA in, ordered click coordinates out.",
        lifespan=lifespan,
        docs_url=None,  # service.docs_page shows it without a CDN
        redoc_url=None,
    )
    app.needs_keys = keys.required
    app.state.keys = keys
    app.state.metrics = metrics
    app.state.rpc = None
    app.include_router(router)
    app.include_router(models_router)
    app.include_router(names_router)
    app.include_router(batch_router)
    if settings.compatible:
        app.include_router(compatible_router)
    app.include_router(metrics_router)
    app.include_router(docs_router())
    if settings.page:
        app.include_router(page_router())
    install_handlers(app)
    app.add_middleware(
        BodyLimit,
        max_bytes=settings.limits.body_bytes,
        by_path=dict.fromkeys(BATCHES, settings.limits.batch_bytes),
    )
    app.add_middleware(Guard, settings=settings, keys=keys)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=CORS_METHODS,
            allow_headers=CORS_REQUEST_HEADERS,
            expose_headers=CORS_ANSWER_HEADERS,
        )
    app.add_middleware(RequestContext)
    app.add_middleware(Drain, max_bytes=2 * settings.limits.body_bytes)
    app.add_middleware(SecurityHeaders)  # outside of all that answers: a fault has them too
    app.add_middleware(Measured, metrics=metrics)
    if tracing is not None:
        app.add_middleware(TraceRequests, tracing=tracing)  # added last, so outermost
    return app


def _rpc() -> "Callable[[Service, Keys, Tracing | None], Awaitable[RpcServer]]":
    """What serves gRPC; imported here alone, since who does not serve it need not have it.

    Raises:
        RpcMissingError: it is not installed.
    """
    try:
        from service.rpc.server import RpcServer
    except ImportError as error:
        raise RpcMissingError(
            "The setting grpc_port asks for gRPC, which is not installed; install it with "
            'pip install -e ".[grpc]", or take the setting away.'
        ) from error
    return RpcServer.started


def _version() -> str:
    try:
        return version("clickorder")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0"
