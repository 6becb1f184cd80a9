"""The routes of the bundles: which are served, read one again, go back to the one before."""

import asyncio
from collections.abc import Callable

from fastapi import APIRouter
from starlette.requests import Request

from service.execution import Service
from service.http.documentation import problem_docs
from service.http.responses import BundleOut, ModelsResponse, RefusedOut
from service.models.memory import release
from service.models.version import Version

router = APIRouter()


@router.get("/models", summary="Which models are installed?")
async def models(request: Request) -> ModelsResponse:
    """The bundles that are served, those that are refused and why, and the default models."""
    service: Service = request.app.state.service
    registry = service.registry
    default = registry.default
    return ModelsResponse(
        models=default.models,
        bundles=[BundleOut.of(v, default=v is default) for v in registry.served],
        refused=[
            RefusedOut(folder=r.folder, name=r.name, version=r.version, reason=r.reason)
            for r in (*registry.refused, *registry.held_back)
        ],
    )


@router.post(
    "/models/{name}/reload",
    summary="Read a bundle from its folder again",
    responses=problem_docs(409, 422),
)
async def reload(request: Request, name: str) -> BundleOut:
    """Load and check a bundle as it lies in its folder now, rolled back or not.

    Requests in flight are answered by the version that they began with. A bundle that cannot be
    used is refused with 409 `model_refused`, and the version that was served before still is.
    """
    service: Service = request.app.state.service
    return await _changed(service, service.registry.reload, name)


@router.post(
    "/models/{name}/rollback",
    summary="Go back to a bundle's version before",
    responses=problem_docs(409, 422),
)
async def rollback(request: Request, name: str) -> BundleOut:
    """Serve the version before; it stays until the bundle's files change, a reload or a restart."""
    service: Service = request.app.state.service
    return await _changed(service, service.registry.rollback, name)


async def _changed(service: Service, change: Callable[[str], Version], name: str) -> BundleOut:
    # Not in the pool: however busy the service is, its models can be changed.
    version = await asyncio.to_thread(change, name)
    await asyncio.to_thread(release)
    return BundleOut.of(version, default=version is service.registry.default)
