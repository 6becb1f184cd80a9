"""Model files that lie inside an installed Python package."""

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from modelfile.errors import ModelMissingError


@dataclass(frozen=True, slots=True)
class PackagedFile:
    """A file of an installed package.

    Attributes:
        path: Where it lies.
        version: Version of the distribution.
    """

    path: Path
    version: str


def packaged_file(package: str, filename: str, *, extra: str | None = None) -> PackagedFile:
    """Find a file of an installed package without importing the package.

    Args:
        package: Top-level import name, which is also the name of the distribution.
        filename: Path inside the package.
        extra: The extra of this project that installs it; None where this project needs it.

    Raises:
        ModelMissingError: the package is not installed, or has no such file.
    """
    wanted = f'".[{extra}]"' if extra else "."
    install = f"install it with pip install -e {wanted} in this project's folder"
    # A top-level name is looked up on the import path; nothing of the package is executed.
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise ModelMissingError(f"The package {package} is not installed; {install}.")
    path = Path(folders[0], filename)
    version = importlib.metadata.version(package)
    if not path.is_file():
        raise ModelMissingError(
            f"The installed package {package} {version} has no file {filename}; {install}."
        )
    return PackagedFile(path=path, version=version)
