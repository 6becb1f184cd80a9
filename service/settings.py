"""Settings of the service: arguments, then `CLICKORDER_...` variables, then the settings file.

Nested values take two underscores: `CLICKORDER_LIMITS__BODY_BYTES=1048576`; in the file, which is
TOML, they stand in tables: `[limits]`, `body_bytes = 1048576`. Nothing here is read at import;
whoever starts the service makes one `Settings()` and passes it on.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableVariableError

from modelfile.device import Device
from service.cores import usable_cores
from service.effort import Effort
from service.hosts import hostname, is_loopback
from service.settings_file import ConfigurationError, explain, file_source

Count = Annotated[int, Field(ge=1)]

LAYOUTS: Mapping[str, Callable[[int], Mapping[str, int]]] = MappingProxyType(
    {
        "latency": lambda cores: {"workers": 1, "threads": cores},
        "throughput": lambda cores: {"workers": cores, "threads": 1},
    }
)
"""What each profile sets on so many cores, where nothing else sets it; `benchmarks/speed.py`
measures both."""


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
    batch_items: Count = 200
    """Puzzles of one batch; beyond that 422."""
    batch_bytes: Count = 64 * 2**20
    """Bytes of the body of a batch; beyond that 413."""
    batches: Count = 4
    """Batches that are answered at the same time; beyond that 503."""
    queue: Annotated[int, Field(ge=0)] = 32
    """Requests that wait for a worker; beyond that 503 with `Retry-After`."""


class Keep(BaseModel):
    """Which puzzles are stored for their owner to look at; none by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dir: Path | None = None
    """Where puzzles that were abstained from or unsure go; None keeps nothing."""
    below_confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    """An answer less sure than this is kept, and every abstention."""
    max_mb: Count = 200
    """MiB of pictures and lines together; then the oldest go."""
    max_age_days: Count = 14
    """After that many days a puzzle goes."""


class Log(BaseModel):
    """How the service logs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"
    """`json`: one object a line; `console`: for a person's eyes."""


class KeyEntry(BaseModel):
    """One API key: who has it and what it may do, and of the key itself no more than its hash."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    """For the log and the metrics, and to take the key away again."""
    hash: str
    """`sha256:` and the SHA-256 of the key in hexadecimal digits: see `clickorder keys new`."""
    admin: bool = False
    """Whether it may also reload and roll back models."""
    rate_per_minute: Count | None = None
    """Requests in a minute; None is `key_defaults.rate_per_minute`."""
    concurrency: Count | None = None
    """Requests at the same time; None is `key_defaults.concurrency`."""

    @field_validator("hash")
    @classmethod
    def _is_a_hash(cls, value: str) -> str:
        # Not a pattern: most likely somebody has put the key itself here.
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", value):
            raise ValueError(
                "is no hash of a key; write `sha256:` and 64 hexadecimal digits, or make a new "
                "key with `clickorder keys new`"
            )
        return value


class KeyDefaults(BaseModel):
    """What a key may do that does not say so itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate_per_minute: Count = 600
    """Requests in a minute; beyond that 429. After a pause that many may come at once."""
    concurrency: Count = 8
    """Requests at the same time; beyond that 429."""


class Settings(BaseSettings):
    """Everything the service can be told from outside."""

    model_config = SettingsConfigDict(
        env_prefix="CLICKORDER_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    settings: Path | None = None
    """The settings file, TOML; a path in it is relative to where the service is started."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    """0 takes a free port."""
    grpc_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    """Where gRPC is served as well, on the same host; 0 takes a free port, None serves none."""
    backend: Literal["auto", "own", "ddddocr"] = "auto"
    """`auto` takes own weights where they are installed and the embedded default elsewhere."""
    models_dir: Path | None = None
    """Where own ONNX files lie; None is the place of the shipped ones."""
    profile: Literal["latency", "throughput"] | None = None
    """Sets `workers` and `threads` by the cores, unless they are given: `latency` for the shortest
    wait of a single caller, `throughput` for the most answers to many."""
    workers: Count = 2
    """Requests computed at the same time."""
    threads: Count = 1
    """Threads of each model session; workers times threads should not exceed the cores."""
    device: Device = "cpu"
    """What networks run on: `cuda`, a GPU of NVIDIA, or the service does not start; `auto`, a GPU
    where ONNX Runtime can use one, and the CPU elsewhere."""
    effort: Effort = "normal"
    """When a second pass, with several runs of each network, follows the first, unless the request
    says otherwise: `fast` never, `normal` where the first is not sure, `thorough` wherever it is
    not nearly certain."""
    min_confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.05
    """Below this an answer is an abstention, unless the request gives a bound of its own."""
    body_timeout_s: Count = 20
    """How long a request body may take to arrive; beyond that 408."""
    deadline_s: Count = 30
    """How long a request may wait and be computed once its body is there; beyond that 504."""
    retry_after_s: Count = 1
    """What `Retry-After` says when the queue is full."""
    shutdown_s: Count = 10
    """How long running requests may take to end once the service is told to stop."""
    keys: tuple[KeyEntry, ...] = ()
    """Who may use the service; `clickorder keys new` adds one to the settings file."""
    keys_required: bool | None = None
    """None: wherever there are keys, and on any address but loopback."""
    key_defaults: KeyDefaults = KeyDefaults()
    allowed_hosts: tuple[str, ...] = ()
    """Names, beside loopback's own, by which a service without keys may be called."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may use the service, `https://qa.example`, or `*`; none by default."""
    page: bool = True
    """Whether the page for people is served at `/`."""
    compatible: bool = False
    """Whether the entry points of older services are there too: `service.http.compatible`."""
    limits: Limits = Limits()
    log: Log = Log()
    keep: Keep = Keep()

    @model_validator(mode="before")
    @classmethod
    def _lay_out(cls, given: dict[str, Any]) -> dict[str, Any]:
        layout = LAYOUTS.get(str(given.get("profile")))
        return given if layout is None else {**layout(usable_cores()), **given}

    @property
    def keys_on(self) -> bool:
        """Whether a request must bring a key."""
        if self.keys_required is not None:
            return self.keys_required
        return bool(self.keys) or not is_loopback(self.host)

    @field_validator("keys")
    @classmethod
    def _are_different(cls, keys: tuple[KeyEntry, ...]) -> tuple[KeyEntry, ...]:
        names = [key.name for key in keys]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"has two keys of the name {twice[0]}; give each its own name")
        if len({key.hash for key in keys}) < len(keys):
            raise ValueError("has the same hash twice; make a key for each name")
        return keys

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name.lower() not in (hostname(name), hostname(f"[{name}]")):
                raise ValueError(f"has {name!r}; write names without scheme and port: qa.example")
        return names

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+", origin):
                raise ValueError(f"has {origin!r}; write scheme and host: https://qa.example")
        return origins

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, file: the first that has a value gives it."""
        given = init_settings.init_kwargs if isinstance(init_settings, InitSettingsSource) else {}
        file = file_source(settings_cls, given)
        return (
            (init_settings, env_settings) if file is None else (init_settings, env_settings, file)
        )


def load_settings(**given: Any) -> Settings:
    """Settings from the arguments, the environment and the settings file, in this order.

    Args:
        given: Fields of `Settings`; `settings` names the file, else `CLICKORDER_SETTINGS` does.

    Raises:
        ConfigurationError: something is wrong; it says where, and what.
    """
    try:
        return Settings(**given)
    except UnreadableVariableError as error:
        raise ConfigurationError(
            f"A CLICKORDER_ variable cannot be read ({error}); lists and tables are written as "
            "JSON there."
        ) from error
    except ValidationError as error:
        environment = EnvSettingsSource(Settings)()
        raise explain(error, given, environment, file_source(Settings, given)) from error
