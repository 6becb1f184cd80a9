"""`clickorder cluster`: run the service on a Ray cluster."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clickorder.cli.solver_options import AddressOption, BackendOption, LogLevel, settings_of
from clickorder.errors import CommandError, UsageError
from clickorder.ray_session import (
    address_of_cluster,
    allow_token,
    connect,
    need_ray,
    settings_for_workers,
)
from labels.console import App

if TYPE_CHECKING:
    from service.cluster.application import ClusterOptions

_STARTS = 5

cluster_app = App(
    no_args_is_help=True,
    help="Run the service on a Ray cluster: `serve` deploys it, `status` shows it, `shutdown` "
    "takes it down, and `config` writes a config file for Ray's own `serve deploy`.",
)

SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="A TOML file of settings, read here and sent along. [env: CLICKORDER_SETTINGS]",
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        help="Address that Ray's HTTP proxy listens on, on each node. [default: 127.0.0.1]"
    ),
]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Its port. [default: 8000]")]
ModelsDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of models, as for `clickorder serve`; each node must have it at this path. "
        "[env: CLICKORDER_MODELS_DIR]"
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Requests a replica computes at once. [default: 2]")
]
Replicas = Annotated[int, typer.Option(min=1, help="Replicas that always run.")]
MaxReplicas = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Ray adds replicas up to this number while they are busy. [default: as --replicas, "
        "a fixed number]",
    ),
]
Cpus = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        help="Cores that each replica reserves. [default: the workers, times threads]",
    ),
]
Gateways = Annotated[int, typer.Option(min=1, help="Processes that forward the requests.")]


@cluster_app.command()
def serve(
    settings: SettingsFile = None,
    host: Host = None,
    port: Port = None,
    models_dir: ModelsDir = None,
    backend: BackendOption = None,
    log_level: Annotated[LogLevel | None, typer.Option(help="[default: info]")] = None,
    workers: Workers = None,
    replicas: Replicas = 1,
    max_replicas: MaxReplicas = None,
    cpus_per_replica: Cpus = None,
    gateways: Gateways = 1,
    address: AddressOption = None,
) -> None:
    """Deploy the service, or replace the one that is deployed by what is given now.

    On a cluster that runs already, the command ends once all replicas answer, and the service
    stays. Without one, it starts Ray on this machine, serves until Ctrl-C, and ends both.

    A change of models or settings is rolled out: new replicas start and old ones finish their
    requests, some at a time.

    All nodes need the same version of this package, with its extra `cluster`.

    For example:

    - `clickorder cluster serve --replicas 2`
    - `clickorder cluster serve --address auto --models-dir /models/7 --replicas 4
      --max-replicas 32`
    """
    allow_token(address)
    options, at_host, at_port = _options(
        settings=settings,
        host=host,
        port=port,
        models_dir=models_dir,
        backend=backend,
        log_level=log_level,
        workers=workers,
        replicas=replicas,
        max_replicas=max_replicas,
        cpus_per_replica=cpus_per_replica,
        gateways=gateways,
    )
    local = connect(address)
    from ray import serve as ray_serve

    from service.cluster.application import NAME, build

    _start_serve({"host": at_host, "port": at_port})
    try:
        ray_serve.run(build(options), name=NAME, route_prefix="/")
    except RuntimeError as error:
        raise CommandError(
            f"The application was not deployed ({str(error).splitlines()[0]}); `clickorder "
            "cluster status` and the logs of Ray say why."
        ) from error
    print(f"clickorder serves on http://{at_host}:{at_port} of each node", flush=True)
    if local:
        print(f"Ray runs at {address_of_cluster()}, the --address of other commands", flush=True)
        _wait_for_interrupt()


@cluster_app.command()
def config(
    settings: SettingsFile = None,
    host: Host = None,
    port: Port = None,
    models_dir: ModelsDir = None,
    backend: BackendOption = None,
    log_level: Annotated[LogLevel | None, typer.Option(help="[default: info]")] = None,
    workers: Workers = None,
    replicas: Replicas = 1,
    max_replicas: MaxReplicas = None,
    cpus_per_replica: Cpus = None,
    gateways: Gateways = 1,
) -> None:
    """Print a Serve config file (YAML), for `serve deploy` and for KubeRay.

    It holds every setting that is not the default, among them the hashes of API keys.

    For example: `clickorder cluster config --replicas 4 > serve.yaml && serve deploy serve.yaml`
    """
    options, at_host, at_port = _options(
        settings=settings,
        host=host,
        port=port,
        models_dir=models_dir,
        backend=backend,
        log_level=log_level,
        workers=workers,
        replicas=replicas,
        max_replicas=max_replicas,
        cpus_per_replica=cpus_per_replica,
        gateways=gateways,
    )
    import yaml

    from service.cluster.application import config as config_of

    text = yaml.safe_dump(config_of(options, at_host, at_port), sort_keys=False, allow_unicode=True)
    typer.echo(text, nl=False)


@cluster_app.command()
def status(address: AddressOption = None) -> None:
    """Show which deployments run, with how many replicas, and what is wrong with them."""
    connect(address, start=False)
    from ray import serve as ray_serve

    from service.cluster.application import NAME

    found = ray_serve.status().applications.get(NAME)
    if found is None:
        raise CommandError(
            "The service is not deployed on this cluster; deploy it with `clickorder cluster serve "
            "--address ADDRESS`."
        )
    typer.echo(f"{NAME}: {found.status.value}{': ' if found.message else ''}{found.message}")
    for name, deployment in sorted(found.deployments.items()):
        counts = sorted((str(state), n) for state, n in deployment.replica_states.items())
        states = ", ".join(f"{n} {state.lower()}" for state, n in counts) or "no replicas"
        more = f" ({deployment.message})" if deployment.message else ""
        typer.echo(f"{name}: {deployment.status.value}, {states}{more}")


@cluster_app.command()
def shutdown(address: AddressOption = None) -> None:
    """Take the service off the cluster; Ray and other applications stay."""
    connect(address, start=False)
    from ray import serve as ray_serve

    from service.cluster.application import NAME

    ray_serve.delete(NAME)
    typer.echo(f"{NAME} is no longer deployed")


def _options(
    *,
    replicas: int,
    max_replicas: int | None,
    cpus_per_replica: float | None,
    gateways: int,
    log_level: LogLevel | None,
    **given: Any,
) -> "tuple[ClusterOptions, str, int]":
    """What is to be deployed, and host and port of the proxies.

    Raises:
        CommandError: Ray is not installed.
        UsageError: a setting is wrong.
        KeysRequiredError: the service must have API keys and has none.
    """
    need_ray()
    from service.cluster.application import ClusterOptions
    from service.security.keys import Keys

    loaded = settings_of(level=log_level, **given)
    Keys(loaded)
    most = replicas if max_replicas is None else max_replicas
    if most < replicas:
        raise UsageError(
            f"--max-replicas {most} is less than --replicas {replicas}; give a larger number."
        )
    options = ClusterOptions(
        settings=settings_for_workers(loaded),
        min_replicas=replicas,
        max_replicas=most,
        cpus_per_replica=cpus_per_replica,
        gateways=gateways,
    )
    return options, loaded.host, loaded.port


def _start_serve(http_options: dict[str, Any]) -> None:
    """Start Ray's HTTP proxies, unless they run.

    Raises:
        CommandError: they do not start.
    """
    from ray import serve as ray_serve
    from ray.exceptions import RayActorError

    for attempt in range(_STARTS):
        try:
            ray_serve.start(proxy_location="EveryNode", http_options=http_options)
        except (RayActorError, TimeoutError) as error:
            # Ray puts another proxy in the place of one that is slow to start.
            if attempt + 1 == _STARTS:
                raise CommandError(
                    "Ray's HTTP proxies do not start; `ray status` and the logs of Ray say why."
                ) from error
        else:
            return


def _wait_for_interrupt() -> None:
    import threading

    import ray
    from ray import serve as ray_serve

    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        typer.echo("Stopping ...")
    finally:
        ray_serve.shutdown()
        ray.shutdown()
