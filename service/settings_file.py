"""The settings file, and what is said where a setting is wrong.

ConfigurationError         the service cannot be run as it is told to
├── KeysRequiredError      it must have API keys and has none
├── RpcMissingError        it is to serve gRPC, which is not installed
└── RpcPortError           it is to serve gRPC on a port that cannot be opened
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from importlib.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, TomlConfigSettingsSource

from modelfile.errors import ClickorderError

ENVIRONMENT = "CLICKORDER_SETTINGS"
"""The variable that names the file."""


class ConfigurationError(ClickorderError):
    """The service cannot be run as it is told to; `str(error)` is one sentence."""


class KeysRequiredError(ConfigurationError):
    """The service must have API keys and has none."""


class RpcMissingError(ConfigurationError):
    """The service is to serve gRPC, which is not installed."""


class RpcPortError(ConfigurationError):
    """The service is to serve gRPC on a port that cannot be opened."""


def file_source(
    settings: type[BaseSettings], given: Mapping[str, Any]
) -> TomlConfigSettingsSource | None:
    """The settings file as a source of settings.

    Args:
        settings: What it gives values for.
        given: Arguments, among which `settings` may name the file; else the environment does.

    Returns:
        None where no file is named.

    Raises:
        ConfigurationError: the file cannot be read, or is not TOML.
    """
    named = given.get("settings") or os.environ.get(ENVIRONMENT)
    if not named:
        return None
    path = Path(named)
    try:
        with path.open("rb"):  # pydantic-settings passes over a file that is not there
            source = _TomlFile(settings, path)
    except OSError as error:
        raise ConfigurationError(
            f"The settings file {path} cannot be read ({error.strerror or error}); name one that "
            "can, with --settings or CLICKORDER_SETTINGS."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}; mend it there.") from error
    if "settings" in source.toml_data:
        raise ConfigurationError(
            f"{path}: `settings` cannot be set in the file itself; remove it there."
        )
    return source


class _TomlFile(TomlConfigSettingsSource):
    """A TOML file with or without the byte order mark that editors on Windows write."""

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        return tomllib.loads(file_path.read_bytes().decode("utf-8-sig"))


def explain(
    error: ValidationError,
    given: Mapping[str, Any],
    environment: Mapping[str, Any],
    file: TomlConfigSettingsSource | None,
) -> ConfigurationError:
    """One sentence for the first thing that is wrong; it never quotes a value.

    Args:
        error: What pydantic found.
        given: Arguments; they go first.
        environment: What the environment gave.
        file: What the file gave.
    """
    first = error.errors()[0]
    place, fault = first["loc"], _fault(first)
    held = place[:-1] if first["type"] == "missing" else place
    if file is None or _holds(given, held) or _holds(environment, held):
        name = "__".join(str(step) for step in place).upper()
        subject = f"The setting CLICKORDER_{name}" if name else "The settings"
        return ConfigurationError(f"{subject} {fault}.")
    field = _path(place)
    subject = f"{file.toml_file_path}: `{field}`" if field else f"{file.toml_file_path}"
    return ConfigurationError(f"{subject} {fault}.")


def _fault(error: ErrorDetails) -> str:
    match error["type"]:
        case "extra_forbidden":
            return "is not a setting; correct its name or remove it"
        case "missing":
            return "is missing; add it"
        case "value_error":
            return str(error["ctx"]["error"])
    message = error["msg"]
    return f"is not valid: {message[:1].lower()}{message[1:]}"


def _holds(values: Any, place: Sequence[str | int]) -> bool:
    """Whether nested values have something at a place, or end on the way to it."""
    for step in place:
        if isinstance(values, Mapping):
            if step not in values:
                return False
            values = values[step]
        elif isinstance(values, Sequence) and not isinstance(values, str):
            if not isinstance(step, int) or step >= len(values):
                return False
            values = values[step]
        else:
            return True
    return bool(place)


def _path(place: Sequence[str | int]) -> str:
    """`("keys", 0, "hash")` as `keys[0].hash`."""
    path = ""
    for step in place:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path
