"""A bundle: a folder of model files with a manifest, `bundle.json`.

    shop/
      bundle.json          name, version, what it serves, the SHA-256 of every other file
      detector.onnx        any of detector, classifier (and charsets.json), siamese, text
      prompt_detector.onnx finds the items of prompt pictures; without one, detector.onnx does
      siamese.onnx         (a role without a file is filled by the default models)
      names.onnx           finds icons by names, with its prototypes, names.npz, and with
                           vocabulary.jsonl where they are of a vocabulary of its own
      calibration.json     fitted with these models
      gallery/rocket/1.png reference pictures, so that the word `<rocket>` names an icon
      selftest/            a puzzle set that the bundle must solve before it is served

Only what the manifest names is used, so that a folder that is still being copied is refused, and
taken once it is complete.
"""

import codecs
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)

from labels.puzzles import PROMPT_KINDS, PUZZLES_FILE
from modelfile import ModelFileError, external_files
from modelfile.errors import ClickorderError
from service.models.backends import GALLERY, NAMES, PROTOTYPES, VOCABULARY, open_parts
from service.settings import Settings
from service.solving.gallery import Gallery
from service.solving.parts import Parts

MANIFEST = "bundle.json"
DEFAULT = "default"
"""Name of the models that the service is started with."""

SELFTEST = "selftest"

_FILES = {
    "detector": "detector.onnx",
    "prompt_detector": "prompt_detector.onnx",
    "classifier": "classifier.onnx",
    "charsets": "charsets.json",
    "siamese": "siamese.onnx",
    NAMES: "names.onnx",
    PROTOTYPES: "names.npz",
    VOCABULARY: "vocabulary.jsonl",
    "text": "text.onnx",
    "calibration": "calibration.json",
}
_MODELS = ("detector", "prompt_detector", "classifier", "siamese", NAMES, "text")
_BESIDE = frozenset({"charsets", PROTOTYPES, VOCABULARY})
"""Files that belong to the model of another role."""

TEXT = "text"
"""What `/read` has in place of a prompt."""

_MOST_BYTES = 2**20
"""Size limit of a manifest."""

Label = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Plain = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Side = Annotated[int, Field(ge=1, le=100_000)]
Count = Annotated[int, Field(ge=1, le=100)]


class BundleError(ClickorderError, ValueError):
    """A bundle that cannot be used; the message names the file and the fault."""


class Serves(BaseModel):
    """Which requests a bundle answers when none is named; empty is no restriction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sites: tuple[Label, ...] = ()
    types: tuple[Label, ...] = ()
    sizes: Annotated[
        tuple[tuple[Side, Side], ...], Field(description="Width and height of backgrounds.")
    ] = ()
    prompts: Annotated[
        tuple[
            Annotated[str, StringConstraints(pattern=f"^({'|'.join((*PROMPT_KINDS, TEXT))})$")], ...
        ],
        Field(description="Kinds of prompts: words, icons, image, region; text to read."),
    ] = ()


EVERYTHING = Serves()


class Manifest(BaseModel):
    """What `bundle.json` says.

    Attributes:
        name: Letters, digits and `._-`; the name that requests give.
        version: The same letters; of two folders with one name the later version is served.
        serves: Which requests it answers when none is named.
        default: Whether it answers what no other bundle serves.
        prompt_count: How many items the site's prompt pictures show: a number, or the least and
            the greatest; null where any number may come.
        sha256: Path in the bundle, with `/`, to 64 hexadecimal digits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Plain
    version: Plain
    serves: Serves = EVERYTHING
    default: bool = False
    prompt_count: Count | tuple[Count, Count] | None = None
    sha256: Mapping[str, Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]]

    @field_validator("prompt_count")
    @classmethod
    def _in_order(cls, count: int | tuple[int, int] | None) -> int | tuple[int, int] | None:
        if isinstance(count, tuple) and count[0] > count[1]:
            raise ValueError("the least number exceeds the greatest")
        return count

    @property
    def prompt_counts(self) -> tuple[int, int] | None:
        """Least and greatest number of items; None where any number may come."""
        count = self.prompt_count
        return (count, count) if isinstance(count, int) else count

    @field_validator("name")
    @classmethod
    def _not_taken(cls, name: str) -> str:
        if name == DEFAULT:
            raise ValueError("the models that the service starts with have this name already")
        return name


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk, read but not opened.

    Attributes:
        folder: Where it lies.
        manifest: What it says of itself.
        digest: SHA-256 of the manifest, and so of everything that it names.
    """

    folder: Path
    manifest: Manifest
    digest: str

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.manifest.name} {self.manifest.version}"

    @classmethod
    def read(cls, folder: Path) -> "Bundle":
        """Read the manifest of a folder.

        Raises:
            BundleError: it cannot be read or says something that cannot be.
        """
        path = folder / MANIFEST
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise BundleError(f"{path} cannot be read ({error.strerror}).") from error
        if len(data) > _MOST_BYTES:
            raise BundleError(f"{path} has more than {_MOST_BYTES} bytes; it is no manifest.")
        try:
            manifest = Manifest.model_validate_json(data.removeprefix(codecs.BOM_UTF8))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(step) for step in first["loc"]) or "the file"
            raise BundleError(
                f"{path} is no manifest: {place}: {first['msg']}; write it with "
                "`clickorder models pack`."
            ) from error
        names = set(manifest.sha256)
        for name in names:
            steps = PurePosixPath(name)
            if steps.is_absolute() or ".." in steps.parts or "\\" in name or not steps.parts:
                raise BundleError(f"{path} names the file {name!r}, which is not inside of it.")
        models = {_FILES[role] for role in _MODELS}
        if not names & models and not any(name.startswith(f"{GALLERY}/") for name in names):
            raise BundleError(
                f"{path} names none of {', '.join(_FILES[role] for role in _MODELS)} and no "
                "gallery/; a bundle needs one of them."
            )
        return cls(folder, manifest, hashlib.sha256(data).hexdigest())

    @property
    def files(self) -> list[Path]:
        """The manifest and every file that it names."""
        return [self.folder / MANIFEST, *(self.folder / name for name in self.manifest.sha256)]

    @property
    def roles(self) -> list[str]:
        """What it has files of its own for."""
        named = self.manifest.sha256
        return [role for role, name in _FILES.items() if name in named and role not in _BESIDE]

    @property
    def selftest(self) -> Path | None:
        """The bundle's own puzzle set; None where it has none."""
        named = f"{SELFTEST}/{PUZZLES_FILE}" in self.manifest.sha256
        return self.folder / SELFTEST if named else None

    def verify(self) -> None:
        """Make sure that every file is the one that the manifest names, and that none is missing.

        Raises:
            BundleError: a file is missing, is another one, or is there without being named.
        """
        for name, expected in self.manifest.sha256.items():
            if _sha256(self.folder / name) != expected:
                raise BundleError(
                    f"{self.folder / name} is not the file that the manifest names (its SHA-256 "
                    "differs); copy it again, or write the manifest again with "
                    "`clickorder models pack`."
                )
        for name in bundle_files(self.folder):
            if name not in self.manifest.sha256:
                raise BundleError(
                    f"{self.folder / name} is not named in the manifest; write it again with "
                    "`clickorder models pack`."
                )

    def open(self, settings: Settings, default: Parts) -> Parts:
        """Load the models.

        Args:
            settings: Threads and limits.
            default: Fills the roles that the bundle has no file for.

        Raises:
            BundleError: the files changed while they were read, or before.
            ModelFileError, CalibrationError, GalleryError, SiameseError: a file cannot be used.
            BackendError: of the files that names are found with, one is missing.
        """
        self.verify()
        named = self.manifest.sha256
        files = {role: self.folder / name for role, name in _FILES.items() if name in named}
        opened = open_parts(files, threads=settings.threads, device=settings.device)
        gallery = Gallery()
        if any(name.startswith(f"{GALLERY}/") for name in named):
            gallery = Gallery.load(self.folder / GALLERY, settings.limits)
        # A file that was replaced between its check and its opening shows itself now.
        self.verify()
        return Parts(
            opened.detector or default.detector,
            opened.classifier or default.classifier,
            opened.matcher or default.matcher,
            opened.calibrations or default.calibrations,
            gallery,
            opened.text or default.text,
            # The default's own belongs to the default's detector.
            opened.prompt_detector or (None if opened.detector else default.prompt_detector),
            self.manifest.prompt_counts,
            opened.namer or default.namer,
        )


def bundle_files(folder: Path) -> list[str]:
    """What of a folder belongs into its manifest, as paths with `/`, in stable order."""
    names = [name for name in _FILES.values() if (folder / name).is_file()]
    for model in [name for name in names if name.endswith(".onnx")]:
        names += [name for name in _weights_of(folder / model) if name not in names]
    for part in (GALLERY, SELFTEST):
        names += sorted(
            path.relative_to(folder).as_posix()
            for path in (folder / part).rglob("*")
            if path.is_file() and not _hidden(path.relative_to(folder))
        )
    return names


def manifest_text(manifest: Manifest) -> str:
    """The manifest as it is written."""
    return json.dumps(manifest.model_dump(mode="json"), ensure_ascii=False, indent=2) + "\n"


def file_sums(folder: Path) -> dict[str, str]:
    """Path in the bundle to SHA-256, of everything that belongs into the manifest.

    Raises:
        BundleError: a file cannot be read.
    """
    return {name: _sha256(folder / name) for name in bundle_files(folder)}


def _weights_of(model: Path) -> list[str]:
    """The files beside a model that hold its weights; one that is missing is named all the same."""
    try:
        found = external_files(model.read_bytes())
    except (OSError, ModelFileError):
        return []  # What is wrong with it is told when it is opened.
    inside = (PurePosixPath(name.replace("\\", "/")) for name in found)
    return [str(name) for name in inside if not name.is_absolute() and ".." not in name.parts]


def _hidden(path: Path) -> bool:
    return any(step.startswith(".") for step in path.parts)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise BundleError(
            f"{path} is missing, and the manifest names it; copy the whole bundle."
        ) from error
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}).") from error
