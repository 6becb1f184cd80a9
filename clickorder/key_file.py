"""The keys in a settings file: added and removed, while all else in it stays as it is."""

import tomllib
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from clickorder.errors import CommandError
from labels.atomic import locked_folder, write_atomically
from service.security.keys import hash_of
from service.settings import KeyDefaults, KeyEntry, Settings
from service.settings_file import explain, file_source

_HEAD = "# Settings of clickorder: clickorder serve --settings {name}\n"


class _FileAlone(Settings):
    """What the file says, whatever the environment says."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


class KeyFile:
    """A settings file, changed by one process at a time, whole or not at all.

    Args:
        path: A link is followed, so that it stays one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._real = path.resolve()

    def read(self) -> tuple[tuple[KeyEntry, ...], KeyDefaults]:
        """The keys of the file, and what they may do where they do not say.

        Raises:
            ConfigurationError: the file cannot be read, or is wrong.
        """
        source = file_source(_FileAlone, {"settings": self._path})
        assert source is not None  # noqa: S101 - a file is named
        try:
            settings = _FileAlone(**source.toml_data)
        except ValidationError as error:
            raise explain(error, {}, {}, source) from error
        return settings.keys, settings.key_defaults

    def add(
        self,
        name: str,
        key: str,
        *,
        admin: bool = False,
        rate_per_minute: int | None = None,
        concurrency: int | None = None,
    ) -> None:
        """Append the hash of a key; the file is made where there is none.

        Args:
            name: Whose it is.
            key: As the caller will send it.
            admin: Whether it may change models.
            rate_per_minute: None is what the file's `key_defaults` say.
            concurrency: None is what they say.

        Raises:
            CommandError: the name cannot be one, or is taken, or the file cannot be added to.
            ConfigurationError: the file is wrong as it is.
            OSError: it cannot be read or written.
        """
        given = {"rate_per_minute": rate_per_minute, "concurrency": concurrency}
        entry: dict[str, Any] = {"name": name, "hash": hash_of(key)}
        entry |= {"admin": True} if admin else {}
        entry |= {field: value for field, value in given.items() if value is not None}
        try:
            KeyEntry(**entry)
        except ValidationError as error:
            raise CommandError(
                f"{name[:60]!r} cannot be the name of a key; take 1 to 64 of the letters a to z, "
                "digits, `.`, `_` and `-`."
            ) from error
        with locked_folder(self._real.parent):
            text = ""
            if self._real.exists():
                if any(other.name == name for other in self.read()[0]):
                    raise CommandError(
                        f"{self._path} has a key of the name {name} already; take another name, or "
                        f"remove that one with `clickorder keys remove {name}`."
                    )
                text = self._text()
            before = text or _HEAD.format(name=self._path.name)
            gap = "\n" if before.endswith("\n") else "\n\n"
            values = "".join(f"{field} = {_toml(value)}\n" for field, value in entry.items())
            expected = tomllib.loads(text)
            expected["keys"] = [*expected.get("keys", []), entry]
            self._write(f"{before}{gap}[[keys]]\n{values}", expected)

    def remove(self, name: str) -> None:
        """Take a key out.

        Raises:
            CommandError: there is none of this name, or the file cannot be changed.
            ConfigurationError: the file is wrong as it is.
            OSError: it cannot be read or written.
        """
        with locked_folder(self._real.parent):
            names = [entry.name for entry in self.read()[0]]
            if name not in names:
                known = ", ".join(names) or "none"
                raise CommandError(
                    f"{self._path} has no key of the name {name[:60]!r}; it has {known}."
                )
            text = self._text()
            document = tomlkit.parse(text)
            keys: Any = document["keys"]
            del keys[names.index(name)]
            expected = tomllib.loads(text)
            del expected["keys"][names.index(name)]
            if not expected["keys"]:
                del document["keys"], expected["keys"]
            self._write(tomlkit.dumps(document), expected)

    def _text(self) -> str:
        # In bytes, as the universal newlines of `read_text` would change the file's own.
        return self._real.read_bytes().decode("utf-8-sig")

    def _write(self, text: str, expected: dict[str, Any]) -> None:
        """Replace the file, if its new text says what it should."""
        try:
            said = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            said = None
        if said != expected:
            raise CommandError(
                f"The keys in {self._path} are not written as [[keys]] tables, so they cannot be "
                "changed by a command; write them as such."
            )
        write_atomically(self._real, text.encode(), keep_access=True)


def _toml(value: bool | int | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # A name has no quotes or backslashes in it, and a hash has none either.
    return f'"{value}"' if isinstance(value, str) else str(value)
