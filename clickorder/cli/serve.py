"""`clickorder serve`: run the HTTP service."""

from pathlib import Path
from typing import Annotated

import typer

from clickorder.cli.solver_options import (
    BackendOption,
    DeviceOption,
    LogLevel,
    Profile,
    settings_of,
)


def serve(
    settings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A TOML file of settings. [env: CLICKORDER_SETTINGS]"),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 takes a free one. [default: 8000]"),
    ] = None,
    grpc_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port of gRPC beside HTTP; 0 takes a free one. [default: none]",
        ),
    ] = None,
    models_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder of models: bundles (see `clickorder models`), or detector.onnx, "
            "classifier.onnx, siamese.onnx and text.onnx themselves, as in the folder of a "
            "training run. The shipped ones fill what is missing. [env: CLICKORDER_MODELS_DIR]"
        ),
    ] = None,
    backend: BackendOption = None,
    device: DeviceOption = None,
    log_level: Annotated[LogLevel | None, typer.Option(help="[default: info]")] = None,
    profile: Annotated[
        Profile | None,
        typer.Option(
            help="How the cores are used: `latency`, all of them on one request at a time, or "
            "`throughput`, each on a request of its own. [env: CLICKORDER_PROFILE; default: two "
            "requests at a time, each on one core]",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Requests computed at the same time. [default: as --profile says, or 2]"
        ),
    ] = None,
    keep_failures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Store the pictures and words of puzzles that were abstained from, or answered "
            "with little confidence, here; see `clickorder labels from-puzzles`. [default: no]",
        ),
    ] = None,
) -> None:
    """Run the HTTP service until it is stopped.

    Every setting also has an environment variable: `CLICKORDER_PORT=9000`,
    `CLICKORDER_LIMITS__BODY_BYTES=1048576`. What is given here goes first, then the environment,
    then the file, where the same would be `port = 9000`, and `body_bytes = 1048576` under
    `[limits]`.

    On any address but loopback the service needs API keys: see `clickorder keys new --help`.

    For example:

    - `clickorder serve --port 9000 --backend ddddocr`, then open `/docs` there
    - `clickorder keys new me`, then `clickorder serve --host 0.0.0.0 --settings clickorder.toml`
    """
    from service.serve import run_server

    run_server(
        settings_of(
            settings=settings,
            host=host,
            port=port,
            grpc_port=grpc_port,
            models_dir=models_dir,
            backend=backend,
            device=device,
            profile=None if profile is None else profile.value,
            workers=workers,
            level=log_level,
            keep=None if keep_failures is None else {"dir": keep_failures},
        )
    )
