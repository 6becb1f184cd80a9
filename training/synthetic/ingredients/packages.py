"""Packages: fetched by name with the ordinary clients, and unpacked.

Nothing is installed: a Debian package is unpacked with dpkg-deb, an npm package is a tar archive,
and a PyPI package is a wheel, which is a zip archive. No code in them is run.
"""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from training.synthetic.errors import PackageUnavailableError, ReservedIngredientError
from training.synthetic.ingredients.catalogue import Package
from training.synthetic.ingredients.reserved import is_reserved

_TIMEOUT_S = 900
_UNSTATED = "not stated"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a package says about itself."""

    version: str
    licence: str


def download(package: Package, folder: Path) -> Path:
    """Fetch a package's archive with its client.

    Args:
        package: what to fetch, in exactly its version if it names one.
        folder: an empty folder that receives the archive.

    Raises:
        ReservedIngredientError: the package is reserved for the final test.
        PackageUnavailableError: no client, no network, or no such package.
    """
    if is_reserved(package.kind, package.name, ""):
        raise ReservedIngredientError(
            f"{package.label} is reserved and is never fetched; take it out of the catalogue."
        )
    name, version = package.name, package.version
    if package.client == "apt":
        wanted = name if version is None else f"{name}={version}"
        command, hint = ["apt-get", "download", wanted], "`apt-get update` as root fills its lists"
    elif package.client == "npm":
        wanted = name if version is None else f"{name}@{version}"
        command, hint = ["npm", "pack", "--silent", wanted], "npm needs its registry"
    else:
        wanted = name if version is None else f"{name}=={version}"
        command = [*_pip(), "download", "--quiet", "--no-deps", "--only-binary=:all:", wanted]
        hint = "pip needs its index"
    if shutil.which(command[0]) is None:
        raise PackageUnavailableError(
            f"{package.label} was not fetched: {command[0]} is not on this machine."
        )
    try:
        done = subprocess.run(  # noqa: S603 - fixed clients, names from the catalogue
            command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise PackageUnavailableError(
            f"{package.label} was not fetched: {command[0]} took over {_TIMEOUT_S} s; try again."
        ) from None
    archives = [path for path in folder.iterdir() if path.suffix in (".deb", ".tgz", ".whl")]
    if done.returncode != 0 or not archives:
        raise PackageUnavailableError(
            f"{package.label} was not fetched: {command[0]} said {_last_words(done.stderr)!r};"
            f" {hint}."
        )
    return archives[0]


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a `.deb`, `.tgz` or `.whl` into an empty folder, archives inside a wheel too.

    Raises:
        PackageUnavailableError: the archive is torn, or dpkg-deb is not there.
    """
    try:
        if archive.suffix == ".deb":
            subprocess.run(  # noqa: S603
                ["dpkg-deb", "-x", str(archive), str(folder)],  # noqa: S607
                check=True,
                capture_output=True,
                timeout=_TIMEOUT_S,
            )
        elif archive.suffix == ".tgz":
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
        else:
            _unzip(archive, folder)
            for inner in sorted(folder.rglob("*.zip")):
                _unzip(inner, inner.with_suffix(""))
    except (OSError, subprocess.SubprocessError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise PackageUnavailableError(
            f"{archive.name} cannot be unpacked ({error}); run `clickorder ingredients` again."
        ) from error


def origin(package: Package, archive: Path, folder: Path) -> Origin:
    """Version and licence, as the package itself states them.

    Args:
        package: the package.
        archive: what its client fetched.
        folder: where it was unpacked.
    """
    if archive.suffix == ".deb":
        # apt names the file NAME_VERSION_ARCHITECTURE.deb and writes `:` as `%3a`.
        version = archive.name.split("_")[1].replace("%3a", ":")
        return Origin(version, _debian_licence(folder / "usr/share/doc" / package.name))
    if archive.suffix == ".tgz":
        manifest = json.loads((folder / "package/package.json").read_text(encoding="utf-8"))
        licence = str(manifest.get("license", _UNSTATED))
        info = folder / "package/info.json"
        if info.is_file():
            stated = json.loads(info.read_text(encoding="utf-8")).get("license", {})
            licence = stated.get("spdx") or stated.get("title") or licence
        return Origin(str(manifest["version"]), licence)
    metadata = next(folder.glob("*.dist-info/METADATA")).read_text(encoding="utf-8")
    fields = HeaderParser().parsestr(metadata)
    licence = fields["License-Expression"] or fields["License"] or _UNSTATED
    return Origin(str(fields["Version"]), str(licence).splitlines()[0])


def _pip() -> list[str]:
    """This interpreter's pip, or the one on the path where the environment came without."""
    done = subprocess.run([sys.executable, "-c", "import pip"], capture_output=True, check=False)
    return [sys.executable, "-m", "pip"] if done.returncode == 0 else ["pip"]


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as bundle:
        # zipfile itself drops `..` and leading slashes.
        bundle.extractall(folder)  # noqa: S202


def _debian_licence(documents: Path) -> str:
    """Short names from the `License:` lines of a machine-readable copyright file."""
    try:
        text = (documents / "copyright").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _UNSTATED
    names = re.findall(r"^License:[ \t]*(\S[^\n]*)$", text, re.MULTILINE)
    return ", ".join(dict.fromkeys(name.strip() for name in names)) or "see its copyright file"


def _last_words(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("e:", "error", "npm err"))]
    return (errors or lines or ["nothing"])[-1][:200]
