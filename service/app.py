"""The app: `create_app(settings)` puts the routes, the limits and the models together.

`/docs` is FastAPI's own page, which loads Swagger UI from a CDN: in a closed network the page
stays empty, while `/openapi.json` and everything else work.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from service.backends import load_solver
from service.documentation import DocumentedAPI
from service.middleware import BodyLimit, RequestContext
from service.pool import InferencePool
from service.problems import install_handlers
from service.routes import Service, router
from service.settings import Settings
from service.solver import Solver


def create_app(
    settings: Settings, solver_factory: Callable[[Settings], Solver] = load_solver
) -> FastAPI:
    """Make the app; nothing is loaded before its lifespan begins.

    Args:
        settings: Read once, here.
        solver_factory: Called in the lifespan; where it fails, the service does not start.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = InferencePool(settings.workers, settings.limits.queue, settings.retry_after_s)
        app.state.service = Service(settings, solver_factory(settings), pool)
        try:
            yield
        finally:
            pool.close()

    app = DocumentedAPI(
        title="clickorder",
        version=_version(),
        description="Picture and prompt of a click-CAPTCHA in, ordered click coordinates out.",
        lifespan=lifespan,
    )
    app.include_router(router)
    install_handlers(app)
    app.add_middleware(BodyLimit, max_bytes=settings.limits.body_bytes)
    app.add_middleware(RequestContext)  # added last, so outermost
    return app


def _version() -> str:
    try:
        return version("clickorder")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0"
