"""Options of the commands that solve or serve, and the settings that they make."""

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clickorder.errors import UsageError

if TYPE_CHECKING:
    from service.settings import Settings


class Backend(StrEnum):
    """Which models solve."""

    AUTO = "auto"
    OWN = "own"
    DDDDOCR = "ddddocr"


class EffortChoice(StrEnum):
    """How much work an answer is worth."""

    FAST = "fast"
    NORMAL = "normal"
    THOROUGH = "thorough"


class DeviceChoice(StrEnum):
    """What networks run on."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class LogLevel(StrEnum):
    """How much the service says."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Profile(StrEnum):
    """How a service uses the cores."""

    LATENCY = "latency"
    THROUGHPUT = "throughput"


BackendOption = Annotated[
    Backend | None,
    typer.Option(
        help="Which models solve: `own` weights, the embedded `ddddocr` ones, or `auto`: own "
        "weights where they are installed. [env: CLICKORDER_BACKEND; default: auto]"
    ),
]
DeviceOption = Annotated[
    DeviceChoice | None,
    typer.Option(
        help="What networks run on: `cpu`; `cuda`, a GPU of NVIDIA (needs the extra gpu); `auto`, "
        "a GPU where ONNX Runtime can use one. [env: CLICKORDER_DEVICE; default: cpu]"
    ),
]
EffortOption = Annotated[
    EffortChoice | None,
    typer.Option(
        help="`fast` is one pass; `normal` takes a second one where the first is not sure; "
        "`thorough` wherever it is not nearly certain. [default: that of the settings or the "
        "service, normal unless changed]"
    ),
]
MinConfidence = Annotated[
    float,
    typer.Option(min=0.0, max=1.0, help="Below this confidence the answer is an abstention."),
]

MinConfidenceOrSettings = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Below this confidence the answer is an abstention; 0 always answers. "
        "[default: that of the settings or the service, 0.05 unless changed]",
    ),
]

AddressOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="The Ray cluster; `auto` finds one that runs on this machine, any of them if there "
        "are several. "
        "[env: RAY_ADDRESS; default: one is started here, for as long as this command runs]",
    ),
]
RayOption = Annotated[
    bool,
    typer.Option(
        "--ray",
        help="Work on all cores of a Ray cluster; started again after a kill, the command goes on "
        "where it was.",
    ),
]

TWO_SOLVERS = (
    "--backend and --device choose what solves in this process; a service at --url has its own."
)


def settings_of(
    *, backend: Backend | None, level: LogLevel | None = None, **given: object
) -> "Settings":
    """Settings of environment and file, and over them what was given on the command line."""
    from service.settings import load_settings
    from service.settings_file import ConfigurationError

    options: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if backend is not None:
        options["backend"] = backend.value
    if level is not None:
        options["log"] = {"level": level.value}
    try:
        return load_settings(**options)
    except ConfigurationError as error:
        raise UsageError(str(error)) from error


def limit_matrix_threads() -> None:
    """Let NumPy multiply matrices in one thread, unless the environment says otherwise.

    The products of a solve take a fraction of a millisecond, and OpenBLAS would split each among
    all cores, whatever `threads` is. Where those are busy, it waits for the slowest: a prompt of
    icons took 77 ms longer. OpenBLAS reads the variable when NumPy is imported, so this comes
    before any command's own imports.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
