"""Settings of the service, from `CLICKORDER_...` environment variables.

Nested values take two underscores: `CLICKORDER_LIMITS__BODY_BYTES=1048576`. Nothing here is read
at import; whoever starts the service makes one `Settings()` and passes it on.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Count = Annotated[int, Field(ge=1)]


class Limits(BaseModel):
    """What one request, and all of them together, may ask for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    body_bytes: Count = 10 * 2**20
    """Bytes of a request body; beyond that 413."""
    pixels: Count = 4_000_000
    """Pixels of one picture, read from its header before it is decoded; beyond that 413."""
    min_side_px: Count = 8
    """The smaller side of a picture; below that 400."""
    boxes: Count = 60
    """Boxes of one picture that take part in the matching, best first."""
    prompt_items: Count = 12
    """Items of one prompt; beyond that 422."""
    word_length: Count = 16
    """Characters of one word; beyond that 422."""
    queue: Annotated[int, Field(ge=0)] = 32
    """Requests that wait for a worker; beyond that 503 with `Retry-After`."""


class Log(BaseModel):
    """How the service logs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"
    """`json`: one object a line; `console`: for a person's eyes."""


class Settings(BaseSettings):
    """Everything the service can be told from outside."""

    model_config = SettingsConfigDict(
        env_prefix="CLICKORDER_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    """0 takes a free port."""
    backend: Literal["auto", "own", "ddddocr"] = "auto"
    """`auto` takes own weights where they are installed and the embedded default elsewhere."""
    models_dir: Path | None = None
    """Where own ONNX files lie; None is the place of the shipped ones."""
    workers: Count = 2
    """Requests computed at the same time."""
    threads: Count = 1
    """Threads of each model session; workers times threads should not exceed the cores."""
    look_twice: bool = True
    """Whether to look closely, with several runs of each network, where a first look is unsure."""
    body_timeout_s: Count = 20
    """How long a request body may take to arrive; beyond that 408."""
    retry_after_s: Count = 1
    """What `Retry-After` says when the queue is full."""
    shutdown_s: Count = 10
    """How long running requests may take to end once the service is told to stop."""
    limits: Limits = Limits()
    log: Log = Log()
