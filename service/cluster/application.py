"""The Ray Serve application: `build` for `serve.run` and config files, and such a config file.

Two deployments. `Solver` is the service's own app with its models, one process a replica.
`Gateway` takes requests from Ray's HTTP proxies and puts each to a replica of `Solver`.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from ray import serve
from ray.exceptions import RayActorError
from ray.serve import Application
from ray.serve.exceptions import (
    BackPressureError,
    DeploymentUnavailableError,
    ReplicaUnavailableError,
)
from ray.serve.handle import DeploymentHandle
from starlette.types import ASGIApp, Message

from service.app import create_app
from service.cluster.forwarding import ForwardedRequest, WholeAnswer, run_app
from service.cluster.gateway import create_gateway
from service.errors import OverloadedError, ReplicaLostError
from service.settings import Settings, load_settings
from service.telemetry.logs import configure_logging

NAME = "clickorder"
"""Name of the application on the cluster."""
IMPORT_PATH = f"{__name__}:build"

_GATEWAY_REQUESTS = 1000
"""Requests that a gateway holds at once; most of them wait, and cost their bodies."""
_GATEWAY_CPUS = 0.1
"""What a gateway reserves: it forwards bytes, and computes nothing."""
_EACH_S = 60.0
"""How long the replicas may take to give their metrics, or to change their models."""


_LOST = (RayActorError, ReplicaUnavailableError)
"""What Ray raises where a replica has ended."""


class ClusterOptions(BaseModel):
    """What an application is built from: the `args` of a Serve config file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: dict[str, Any] = {}
    """Settings of the service, as in its settings file."""
    min_replicas: Annotated[int, Field(ge=1)] = 1
    """Replicas of `Solver` that always run."""
    max_replicas: Annotated[int, Field(ge=1)] = 1
    """Replicas that Ray adds up to under load; equal to `min_replicas` the number is fixed."""
    cpus_per_replica: Annotated[float, Field(gt=0)] | None = None
    """Cores that a replica reserves; None is the setting `workers` times the setting `threads`."""
    gateways: Annotated[int, Field(ge=1)] = 1
    """Replicas of `Gateway`."""

    @model_validator(mode="after")
    def _has_room(self) -> "ClusterOptions":
        if self.max_replicas < self.min_replicas:
            raise ValueError("max_replicas must not be less than min_replicas")
        return self

    def loaded(self) -> Settings:
        """Settings of the service, checked.

        Raises:
            ConfigurationError: something is wrong with them.
        """
        return _load(self.settings)


def _load(settings: dict[str, Any]) -> Settings:
    """Settings of a process of the cluster; its environment may set what is not among them.

    No gRPC: replicas on one node would open the same port.

    Raises:
        ConfigurationError: something is wrong with them.
    """
    return load_settings(**{**settings, "grpc_port": None})


class Solver:
    """The service's app in a process of its own.

    Args:
        settings: Settings of the service, as in its settings file.

    Raises:
        ConfigurationError: something is wrong with them.
        BackendError, ModelFileError, CalibrationError: the models cannot be used.
    """

    async def __init__(self, settings: dict[str, Any]) -> None:  # type: ignore[misc]  # Serve waits
        loaded = _load(settings)
        configure_logging(loaded.log)
        self._app = create_app(loaded)
        self._lifespan = self._app.router.lifespan_context(self._app)
        await self._lifespan.__aenter__()

    async def __del__(self) -> None:
        """End what the app has begun."""
        if lifespan := getattr(self, "_lifespan", None):
            await lifespan.__aexit__(None, None, None)

    async def answer(self, request: ForwardedRequest) -> AsyncIterator[list[Message]]:
        """Answer one request, in pieces."""
        async for messages in run_app(self._app, request):
            yield messages

    async def whole_answer(self, request: ForwardedRequest) -> WholeAnswer:
        """Answer one request in one piece."""
        messages = [message async for piece in run_app(self._app, request) for message in piece]
        return WholeAnswer.of(messages, serve.get_replica_context().replica_id.unique_id)

    async def check_health(self) -> None:
        """Ask the app itself; Ray replaces a replica that raises.

        Raises:
            RuntimeError: the app is not ready.
        """
        answer = await self.whole_answer(_readiness())
        if answer.status != 200:
            raise RuntimeError(f"/readyz answered {answer.status}: {answer.body.decode()}")


def _readiness() -> ForwardedRequest:
    fields: dict[str, Any] = {"type": "http", "method": "GET", "scheme": "http", "path": "/readyz"}
    fields |= {"raw_path": b"/readyz", "query_string": b"", "http_version": "1.1"}
    return ForwardedRequest({**fields, "client": ("127.0.0.1", 0)}, ((b"host", b"127.0.0.1"),), b"")


class RayReplicas:
    """Replicas of `Solver` behind a handle.

    Args:
        handle: Handle of the deployment.
        retry_after_s: What is said to who is refused.
    """

    def __init__(self, handle: DeploymentHandle[Solver], retry_after_s: int) -> None:
        self._handle = handle
        self._stream = handle.options(method_name="answer", stream=True)
        self._retry_after_s = retry_after_s

    async def answer(self, request: ForwardedRequest) -> AsyncIterator[list[Message]]:
        """The answer of one replica, in pieces.

        Raises:
            ReplicaLostError: the replica ended before its answer did.
            OverloadedError: as many requests wait as may.
        """
        response: Any = self._stream.remote(request)  # its type does not follow `stream`
        ended = False
        try:
            async for messages in response:
                yield messages
            ended = True
        except BackPressureError as error:
            raise OverloadedError(
                "As many requests wait for a replica as may; try again.", self._retry_after_s
            ) from error
        except DeploymentUnavailableError as error:
            raise OverloadedError("No replica can be started now.", self._retry_after_s) from error
        except _LOST as error:
            raise ReplicaLostError(f"{type(error).__name__}: the replica ended.") from error
        finally:
            if not ended:  # The caller has left, or has no time left: nor need it be computed.
                response.cancel()

    async def answer_of_each(self, request: ForwardedRequest) -> list[WholeAnswer]:
        """The answers of all replicas that run now; of those that end meanwhile, none.

        Raises:
            OverloadedError: they do not answer in time, or none can be started.
        """
        try:
            responses = self._handle.broadcast("whole_answer", request)
            results = await responses.results_async(timeout_s=_EACH_S, return_exceptions=True)
        except (TimeoutError, DeploymentUnavailableError) as error:
            raise OverloadedError(
                "The replicas do not answer; try again.", self._retry_after_s
            ) from error
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, _LOST):
                raise result
        return [result for result in results if isinstance(result, WholeAnswer)]


@serve.ingress()
class Gateway:
    """Takes requests from Ray's proxies; see `service.cluster.gateway`.

    Args:
        solver: Handle of the replicas.
        settings: Settings of the service.
    """

    def __init__(self, solver: DeploymentHandle[Solver], settings: dict[str, Any]) -> None:
        self._solver = solver
        self._settings = settings

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """Called by Serve once the replica runs."""
        settings = _load(self._settings)
        configure_logging(settings.log)
        return create_gateway(settings, RayReplicas(self._solver, settings.retry_after_s))


def build(args: ClusterOptions) -> Application:
    """Make the application; Serve calls this with the `args` of a config file.

    Args:
        args: Settings and sizes.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    settings = args.loaded()
    # A replica computes `workers` requests, and has as many more at hand so that none idles.
    ongoing = 2 * settings.workers
    grace_s = float(settings.deadline_s + settings.shutdown_s)
    cpus = args.cpus_per_replica or float(settings.workers * settings.threads)
    scaling: dict[str, Any] = (
        {"num_replicas": args.min_replicas}
        if args.min_replicas == args.max_replicas
        else {
            "autoscaling_config": {
                "min_replicas": args.min_replicas,
                "max_replicas": args.max_replicas,
                "target_ongoing_requests": settings.workers,
            }
        }
    )
    solver = serve.deployment(
        name="Solver",
        max_ongoing_requests=ongoing,
        max_queued_requests=settings.limits.queue * args.max_replicas,
        graceful_shutdown_timeout_s=grace_s,
        # See `clickorder.cli.solver_options.limit_matrix_threads`.
        ray_actor_options={
            "num_cpus": cpus,
            "runtime_env": {"env_vars": {"OPENBLAS_NUM_THREADS": "1"}},
        },
        **scaling,
    )(Solver)
    gateway = serve.deployment(
        name="Gateway",
        num_replicas=args.gateways,
        max_ongoing_requests=_GATEWAY_REQUESTS,
        graceful_shutdown_timeout_s=grace_s,
        ray_actor_options={"num_cpus": _GATEWAY_CPUS},
    )(Gateway)
    application: Application = gateway.bind(solver.bind(args.settings), args.settings)
    return application


def config(options: ClusterOptions, host: str, port: int) -> dict[str, Any]:
    """A config file of Ray Serve, for `serve deploy` and the operator of Kubernetes.

    Args:
        options: Settings and sizes.
        host: Address that Ray's HTTP proxies listen on.
        port: Their port, the same on each node.
    """
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": host, "port": port},
        "applications": [
            {
                "name": NAME,
                "route_prefix": "/",
                "import_path": IMPORT_PATH,
                "args": options.model_dump(mode="json", exclude_none=True),
            }
        ],
    }
